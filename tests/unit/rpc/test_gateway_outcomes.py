"""The gateway on a socket: rights, quotas, instances, and how outcomes are rendered and logged."""

import pytest
import structlog
from pydantic import BaseModel

from skyferry import error_codes
from skyferry.errors import ApiError
from skyferry.ram.policies import Effect, Statement
from skyferry.rpc import gateway_errors
from skyferry.rpc.call import Call
from skyferry.rpc.operation import Access, Empty, RequestModel, operation
from tests.unit.rpc.support import (
    OTHER_INSTANCE,
    Item,
    Items,
    Server,
    ToyResponse,
    encode,
    principal,
    public_v1,
    serving,
    sign_v1,
)


class TestQuota:
    async def test_ten_calls_in_a_second(self, server: Server) -> None:
        for _ in range(10):
            assert (await server.v1("Limited")).status == 200
        server.clock.ms += 400
        reply = await server.v1("Limited")
        assert (reply.status, reply.code) == (400, "Throttling.User")
        assert reply.headers["x-acs-retry-after"] == "600"
        assert (await server.v1("Toy")).status == 200
        server.clock.ms += 600
        assert (await server.v1("Limited")).status == 200

    async def test_shared_by_the_users_of_an_account_only(self, server: Server) -> None:
        allow = [Statement(Effect.ALLOW, ("iot:*",), ("*",))]
        server.principals["user"] = principal("user", user="alice", statements=allow)
        server.principals["foreign"] = principal("foreign", account_id=8)
        for number in range(10):
            assert (await server.v1("Limited", AccessKeyId="user" if number % 2 else "testid")).status == 200
        assert (await server.v1("Limited", AccessKeyId="user")).code == "Throttling.User"
        assert (await server.v1("Limited")).code == "Throttling.User"
        assert (await server.v1("Limited", AccessKeyId="foreign")).status == 200

    async def test_overridden(self) -> None:
        async with serving(quotas={"Limited": 1}) as server:
            assert (await server.v1("Limited")).status == 200
            assert (await server.v1("Limited")).code == "Throttling.User"

    async def test_refusals_before_it_do_not_count(self, server: Server) -> None:
        for _ in range(11):
            assert (await server.v1("Limited", Signature="x")).code == "SignatureDoesNotMatch"
        assert (await server.v1("Limited")).status == 200


class TestPermission:
    async def test_allowed_and_denied(self, server: Server) -> None:
        statements = [
            Statement(Effect.ALLOW, ("iot:*",), ("*",)),
            Statement(Effect.DENY, ("iot:Limit?d",), ("*",)),
        ]
        server.principals["user"] = principal("user", user="alice", statements=statements)
        assert (await server.v1(AccessKeyId="user")).status == 200
        assert server.recorder.calls[0][0].caller == "alice"
        reply = await server.v1("Limited", AccessKeyId="user")
        assert (reply.status, reply.code) == (403, "NoPermission")
        assert reply.json["AccessDeniedDetail"] == {
            "PolicyType": "AccountLevelIdentityBasedPolicy",
            "NoPermissionType": "ExplicitDeny",
            "AuthAction": "iot:Limited",
            "AuthPrincipalType": "SubUser",
            "AuthPrincipalOwnerId": "1000000000000007",
            "AuthPrincipalDisplayName": "alice",
        }

    async def test_no_policy_allows_nothing(self, server: Server) -> None:
        server.principals["user"] = principal("user", user="alice")
        reply = await server.v1(AccessKeyId="user")
        assert reply.json["AccessDeniedDetail"]["NoPermissionType"] == "ImplicitDeny"


class TestInstance:
    @pytest.mark.parametrize("name", [None, ""])
    async def test_default(self, server: Server, name: str | None) -> None:
        await server.v1(IotInstanceId=name)
        assert server.recorder.calls[0][0].instance.name == "iot-default"

    async def test_named_in_any_letter_case_of_the_parameter(self, server: Server) -> None:
        await server.v1(iotInstanceID="iot-0xabc")
        assert server.recorder.calls[0][0].instance == OTHER_INSTANCE

    async def test_unknown(self, server: Server) -> None:
        reply = await server.v1(IotInstanceId="nope")
        assert reply.status == 200
        assert reply.json["Success"] is False
        assert reply.json["ErrorMessage"]


class TestOutcome:
    async def test_business_error(self, server: Server) -> None:
        server.recorder.failure = ApiError(error_codes.FIRMWARE_NOT_FOUND, data={"Bad": ["x", None]})
        reply = await server.v1()
        assert reply.status == 200
        assert reply.json == {
            "RequestId": reply.headers["x-acs-request-id"],
            "Success": False,
            "Code": "iot.firmware.FirmwareNotFound",
            "ErrorMessage": error_codes.FIRMWARE_NOT_FOUND.text,
            "Data": {"Bad": ["x"]},
        }

    async def test_an_unexpected_exception_stays_inside(self, server: Server) -> None:
        class Model(BaseModel):
            x: int

        for failure in (RuntimeError("the secret reason"), _validation_error(Model)):
            server.recorder.failure = failure
            with structlog.testing.capture_logs() as lines:
                reply = await server.v1()
            assert (reply.status, reply.code) == (500, "InternalError")
            assert b"secret reason" not in reply.body
            assert b"Traceback" not in reply.body
            [logged, request] = lines
            assert logged["exc_info"] is failure
            assert logged["request_id"] == request["request_id"] == reply.json["RequestId"]

    async def test_what_is_away_for_a_while_may_be_tried_again(self, server: Server) -> None:
        server.recorder.failure = ApiError(gateway_errors.SERVICE_UNAVAILABLE, "The list file cannot be read now.")
        reply = await server.v1()
        assert (reply.status, reply.code) == (503, "ServiceUnavailable")
        assert reply.json["Message"] == "The list file cannot be read now."

    async def test_an_answer_that_cannot_be_rendered(self, server: Server) -> None:
        server.recorder.failure = ApiError(error_codes.FIRMWARE_NOT_FOUND, data={"x": object()})
        with structlog.testing.capture_logs() as lines:
            reply = await server.v1()
        assert (reply.status, reply.code) == (500, "InternalError")
        assert lines[-1]["code"] == "InternalError"

    async def test_xml(self, server: Server) -> None:
        item = Item(name="<a&b>\x01", number=3, good=True)
        server.recorder.answer = ToyResponse(data=Items(item=[item, item]), bare=[item], text=None)
        reply = await server.v1(Format="XML")
        inner = "<Name>&lt;a&amp;b&gt;\ufffd</Name><Number>3</Number><Good>true</Good>"
        assert reply.headers["Content-Type"] == "text/xml;charset=utf-8"
        assert reply.body.decode() == (
            "<?xml version='1.0' encoding='UTF-8'?><ToyResponse>"
            f"<RequestId>{reply.headers['x-acs-request-id']}</RequestId><Success>true</Success>"
            f"<Data><Item>{inner}</Item><Item>{inner}</Item></Data><Bare>{inner}</Bare></ToyResponse>"
        )

    async def test_a_json_object_is_text_in_json_and_elements_in_xml(self, server: Server) -> None:
        server.recorder.answer = ToyResponse(props='{"color":"red","a b":"<1>","1st":"x","水":"","😀":"y"}')
        assert (await server.v1()).json["Props"] == '{"color":"red","a b":"<1>","1st":"x","水":"","😀":"y"}'
        reply = await server.v1(Format="XML")
        assert (
            "<Props><color>red</color><a_x0020_b>&lt;1&gt;</a_x0020_b><_x0031_st>x</_x0031_st><水></水>"
            "<_x1F600_>y</_x1F600_></Props>"
        ) in reply.body.decode()
        server.recorder.answer = ToyResponse(props="{}")
        assert b"<Props/>" in (await server.v1(Format="XML")).body

    async def test_xml_errors(self, server: Server) -> None:
        reply = await server.v1(Format=None, PageSize="x")
        assert reply.status == 400
        assert reply.body.startswith(b"<?xml version='1.0' encoding='UTF-8'?><Error><RequestId>")
        server.recorder.failure = ApiError(error_codes.FIRMWARE_NOT_FOUND)
        reply = await server.v1(Format="xml")
        assert reply.status == 200
        assert b"<ToyResponse><RequestId>" in reply.body
        assert b"<Success>false</Success><Code>iot.firmware.FirmwareNotFound</Code>" in reply.body

    async def test_json_is_raw_utf8_without_nulls(self, server: Server) -> None:
        server.recorder.answer = ToyResponse(text='固件 \x01\u2028"\\\t')
        reply = await server.v1()
        assert '"Text":"固件 \ufffd\u2028\\"\\\\\\t"' in reply.body.decode()
        assert b"\\u" not in reply.body
        assert b"Data" not in reply.body

    @pytest.mark.parametrize(
        ("sent", "accept", "expected"),
        [
            ("JSON", "*/*", "application/json"),
            ("json", "*/*", "application/json"),
            ("XML", "application/json", "text/xml"),
            ("None", "*/*", "text/xml"),
            (None, "*/*", "text/xml"),
            (None, "application/json", "application/json"),
        ],
    )
    async def test_format_of_v1(self, server: Server, sent: str | None, accept: str, expected: str) -> None:
        query = {name: value for name, value in (public_v1("Toy") | {"Format": sent}).items() if value is not None}
        query["Signature"] = sign_v1("GET", query, "testsecret")
        for extra in ("", "&broken=%ff"):
            reply = await server.request(f"/?{encode(query)}{extra}", headers={"Accept": accept})
            assert reply.status == (400 if extra else 200)
            assert reply.headers["Content-Type"] == f"{expected};charset=utf-8"

    @pytest.mark.parametrize(
        ("accept", "expected"),
        [
            (None, "application/json"),
            ("*/*", "application/json"),
            ("application/json, text/xml", "application/json"),
            ("application/xml", "text/xml"),
        ],
    )
    async def test_format_of_v3(self, server: Server, accept: str | None, expected: str) -> None:
        for reply in (
            await server.v3(parameters={"ProductKey": "a"}, changes={"accept": accept}),
            await server.v3(parameters={"ProductKey": "a"}, changes={"accept": accept, "x-acs-action": "Unknown"}),
        ):
            assert reply.headers["Content-Type"] == f"{expected};charset=utf-8"


class TestLog:
    async def test_one_line_per_request(self, server: Server) -> None:
        server.principals["user"] = principal("user", user="alice")
        with structlog.testing.capture_logs() as lines:
            replies = [await server.v1(), await server.v1(AccessKeyId="user"), await server.request("/?Format=json")]
        shared = {"event": "request", "log_level": "info", "source_ip": "127.0.0.1", "ms": 0}
        uid = "1000000000000007"
        facts: list[dict[str, object]] = [
            {"action": "Toy", "account": uid, "caller": "root", "code": None, "status": 200},
            {"action": "Toy", "account": uid, "caller": "alice", "code": "NoPermission", "status": 403},
            {"action": None, "account": None, "caller": None, "code": "InvalidAction.NotFound", "status": 404},
        ]
        assert lines == [
            {**shared, **fact, "request_id": reply.json["RequestId"]}
            for fact, reply in zip(facts, replies, strict=True)
        ]


class Unreadable(RequestModel):
    settings: dict[str, str]


@operation("Impossible", qps=1, access=Access.READ)
async def impossible(call: Call[None], request: Unreadable) -> Empty:
    """Nothing can call this."""
    return Empty()


async def test_a_model_that_parameters_cannot_describe_is_found_at_the_start() -> None:
    with pytest.raises(TypeError, match="dict"):
        async with serving([impossible]):
            pass


def _validation_error(model: type[BaseModel]) -> Exception:
    with pytest.raises(ValueError) as caught:
        model.model_validate({})
    return caught.value
