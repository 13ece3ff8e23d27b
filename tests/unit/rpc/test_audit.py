"""What is written down of calls, and when."""

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry import error_codes
from skyferry.errors import ApiError
from skyferry.ram.audit import AuditRecord
from skyferry.ram.policies import Effect, Statement
from skyferry.ram.tokens import Session
from skyferry.rpc.audit import written
from skyferry.rpc.call import Call
from skyferry.rpc.operation import Access, Empty, RequestModel, Shortened, operation
from tests.unit.rpc.support import (
    KEY,
    NOW_MS,
    SECRET,
    FileItem,
    Recorder,
    Reply,
    Server,
    principal,
    role,
    serving,
    toy,
)


class ChangeRequest(RequestModel):
    product_key: str
    device_name: list[str] | None = None
    multi_files: list[FileItem] | None = None
    target: Annotated[str | None, Shortened(lambda text: text[:3])] = None
    iot_instance_id: str | None = None


@operation("Change", qps=2, access=Access.WRITE)
async def change(call: Call[Recorder], request: ChangeRequest) -> Empty:
    """Change something."""
    call.services.calls.append((call, request))
    if call.services.failure is not None:
        raise call.services.failure
    return call.services.answer  # type: ignore[return-value]


NAMES = st.from_regex(r"(DeviceName|MultiFiles)\.[0-9]{1,3}(\.[a-z]{1,3}){0,2}", fullmatch=True)


def records(server: Server) -> list[AuditRecord]:
    return [item for item in server.trail.written if isinstance(item, AuditRecord)]


def endings(server: Server) -> list[tuple[str, str]]:
    return [item for item in server.trail.written if not isinstance(item, AuditRecord)]


def request_id(reply: Reply) -> str:
    return reply.headers["x-acs-request-id"]


class TestCall:
    async def test_a_change_is_written_down_before_and_after(self) -> None:
        seen: list[int] = []

        @operation("Look", qps=10, access=Access.WRITE)
        async def look(call: Call[Recorder], request: ChangeRequest) -> Empty:
            """Look at the trail in the middle of a change."""
            seen.append(len(server.trail.written))
            return Empty()

        async with serving([look]) as server:
            reply = await server.v1("Look", {"DeviceName.1": "a", "X-Other": "b"}, IotInstanceId="iot-0xabc")
            assert reply.status == 200
            assert seen == [1]
            assert server.trail.written == [
                AuditRecord(
                    account_id=7,
                    instance_id=2,
                    at=NOW_MS,
                    caller="root",
                    access_key_id=KEY,
                    source_address="127.0.0.1",
                    action="Look",
                    parameters={"ProductKey": "a1pk", "DeviceName.1": "a", "IotInstanceId": "iot-0xabc"},
                    request_id=request_id(reply),
                    outcome="BEGUN",
                ),
                (request_id(reply), "OK"),
            ]

    async def test_who_only_looks_is_not_written_down(self) -> None:
        async with serving([toy, change]) as server:
            assert (await server.v1("Toy")).status == 200
            assert server.trail.written == []

    @pytest.mark.parametrize(
        ("failure", "code"),
        [
            (ApiError(error_codes.FIRMWARE_NOT_FOUND), "iot.firmware.FirmwareNotFound"),
            (RuntimeError("inside"), "InternalError"),
        ],
    )
    async def test_a_change_that_failed_says_why(self, failure: Exception, code: str) -> None:
        async with serving([change]) as server:
            server.recorder.failure = failure
            reply = await server.v1("Change")
            assert [record.outcome for record in records(server)] == ["BEGUN"]
            assert endings(server) == [(request_id(reply), code)]

    async def test_an_answer_that_cannot_be_rendered_is_an_internal_error(self) -> None:
        async with serving([change]) as server:
            server.recorder.failure = ApiError(error_codes.FIRMWARE_NOT_FOUND, data={"x": object()})
            reply = await server.v1("Change")
            assert (reply.status, endings(server)) == (500, [(request_id(reply), "InternalError")])

    @pytest.mark.parametrize(
        ("parameters", "code", "instance"),
        [
            ({"ProductKey": None}, "MissingProductKey", 1),
            ({"DeviceName": "x"}, "InvalidDeviceName", 1),
            ({"IotInstanceId": "nope"}, "iot.Sre.IotInstanceNotFound", None),
        ],
    )
    async def test_a_refused_change_is_one_record(
        self, parameters: dict[str, str | None], code: str, instance: int | None
    ) -> None:
        async with serving([change]) as server:
            reply = await server.v1("Change", parameters)
            [record] = records(server)
            assert (record.outcome, record.instance_id, record.request_id) == (code, instance, request_id(reply))
            assert endings(server) == []
            assert server.recorder.calls == []

    async def test_a_denied_change_names_the_one_who_tried(self) -> None:
        async with serving([change]) as server:
            server.principals["user"] = principal("user", user="alice")
            assert (await server.v1("Change", AccessKeyId="user")).code == "NoPermission"
            [record] = records(server)
            assert (record.outcome, record.caller, record.access_key_id) == ("NoPermission", "alice", "user")
            assert record.parameters == {"ProductKey": "a1pk"}

    async def test_a_session_is_named_with_its_role(self) -> None:
        async with serving([change]) as server:
            server.roles["3"] = role(Statement(Effect.ALLOW, ("*",), ("*",)))
            session = Session("3", "nightly", "STS.key", SECRET, NOW_MS + 1_000, None)
            token = server.tokens.seal(session)
            await server.v1("Change", AccessKeyId="STS.key", SecurityToken=token)
            [record] = records(server)
            assert (record.caller, record.access_key_id) == ("updater:nightly", "STS.key")
            assert record.parameters == {"ProductKey": "a1pk"}

    async def test_the_address_is_the_callers_own(self) -> None:
        async with serving([change], trusted_proxies=["127.0.0.1"]) as server:
            await server.v1("Change", headers={"X-Forwarded-For": "203.0.113.5"})
            assert records(server)[0].source_address == "203.0.113.5"

    @pytest.mark.parametrize(
        ("parameters", "code"),
        [
            ({"Signature": "x"}, "SignatureDoesNotMatch"),
            ({"AccessKeyId": "unknown"}, "InvalidAccessKeyId.NotFound"),
            ({"Action": "Nothing"}, "InvalidAction.NotFound"),
        ],
    )
    async def test_strangers_are_not_written_down(self, parameters: dict[str, str | None], code: str) -> None:
        async with serving([change]) as server:
            assert (await server.v1("Change", parameters)).code == code
            assert server.trail.written == []

    async def test_calls_beyond_the_quota_do_not_fill_the_trail(self) -> None:
        async with serving([change]) as server:
            codes = [(await server.v1("Change")).json.get("Code") for _ in range(4)]
            assert codes == [None, None, "Throttling.User", "Throttling.User"]
            assert len(records(server)) == 2

    async def test_denied_calls_do_not_fill_it_either(self) -> None:
        async with serving([change]) as server:
            server.principals["user"] = principal("user", user="alice")
            for _ in range(4):
                assert (await server.v1("Change", AccessKeyId="user")).code == "NoPermission"
            assert len(records(server)) == 2
            server.clock.ms += 1_000
            assert (await server.v1("Change", AccessKeyId="user")).code == "NoPermission"
            assert len(records(server)) == 3
            assert (await server.v1("Change")).status == 200

    async def test_without_a_record_nothing_is_changed(self) -> None:
        async with serving([change]) as server:
            server.trail.failure = OSError("disk full")
            reply = await server.v1("Change")
            assert (reply.status, reply.code) == (500, "InternalError")
            assert server.recorder.calls == []

    async def test_a_change_that_was_made_is_answered_though_its_outcome_is_not_stored(self) -> None:
        @operation("Break", qps=10, access=Access.WRITE)
        async def broken(call: Call[Recorder], request: ChangeRequest) -> Empty:
            """Break the trail in the middle of a change."""
            server.trail.failure = OSError("disk full")
            return Empty()

        async with serving([broken]) as server:
            assert (await server.v1("Break")).status == 200
            assert [record.outcome for record in records(server)] == ["BEGUN"]
            assert endings(server) == []


class TestParameters:
    def test_only_what_the_operation_knows(self) -> None:
        sent = {
            "productkey": "a",
            "DEVICENAME.1": "b",
            "MultiFiles.1.Name": "c",
            "Signature": "s",
            "SecurityToken": "t",
            "AccessKeyId": "k",
            "Password": "p",
            "Target": "secret",
        }
        assert written(ChangeRequest, sent) == {
            "ProductKey": "a",
            "DeviceName.1": "b",
            "MultiFiles.1.Name": "c",
            "Target": "sec",
        }

    def test_long_lists_are_cut_and_counted(self) -> None:
        names = {f"DeviceName.{number}": f"device-{number}" for number in range(1, 201)}
        files = {f"MultiFiles.{n}.{part}": f"{n}" for n in range(1, 12) for part in ("Name", "Size")}
        found = written(ChangeRequest, names | files)
        assert {name: value for name, value in found.items() if name.startswith("DeviceName")} == {
            **{f"DeviceName.{number}": f"device-{number}" for number in range(1, 11)},
            "DeviceName.N": "200 in all",
        }
        assert found["MultiFiles.10.Size"] == "10"
        assert "MultiFiles.11.Name" not in found
        assert found["MultiFiles.N"] == "11 in all"

    def test_ten_entries_are_not_cut(self) -> None:
        names = {f"DeviceName.{number}": f"device-{number}" for number in range(1, 11)}
        assert written(ChangeRequest, names) == names

    @pytest.mark.parametrize(("length", "cut"), [(256, False), (257, True)])
    def test_long_texts_are_cut(self, length: int, cut: bool) -> None:
        text = "ü" * length
        expected = f"{'ü' * 256}… ({length} characters)" if cut else text
        assert written(ChangeRequest, {"ProductKey": text}) == {"ProductKey": expected}

    @given(st.dictionaries(NAMES, st.text()))
    def test_a_record_is_never_large(self, sent: dict[str, str]) -> None:
        found = written(ChangeRequest, sent)
        assert len(found) <= 202
        assert all(len(value) <= 300 for value in found.values())

    def test_names_that_no_client_sends_do_not_make_it_large(self) -> None:
        sent = {f"MultiFiles.1.x{number}": "x" for number in range(5_000)}
        assert len(written(ChangeRequest, sent)) == 200
