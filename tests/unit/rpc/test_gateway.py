"""The gateway on a socket: what it accepts, what it refuses, and in which order it checks."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from skyferry.rpc.context import Limits
from tests.unit.rpc.support import (
    NOW_MS,
    Server,
    ToyRequest,
    encode,
    principal,
    public_v1,
    serving,
    sign_v1,
    sign_v3,
    timestamp,
)

WINDOW_MS = 15 * 60_000
UUID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")


@asynccontextmanager
async def fresh() -> AsyncIterator[Server]:
    async with serving(limits=Limits(body_bytes=1_000, body_seconds=0.2)) as started:
        yield started


class TestAccepted:
    async def test_v1_get_v1_post_and_v3_reach_the_operation(self, server: Server) -> None:
        for reply in (
            await server.v1(),
            await server.v1(method="POST"),
            await server.v1(method="POST", form={"PageSize": "3"}, ProductKey="x y+z"),
            await server.v3(parameters={"ProductKey": "a1pk"}),
        ):
            assert reply.status == 200
            assert reply.json == {"RequestId": reply.headers["x-acs-request-id"], "Success": True}
            assert UUID.fullmatch(reply.json["RequestId"])
            assert reply.headers["Content-Type"] == "application/json;charset=utf-8"
        assert server.recorder.calls[2][1] == ToyRequest(product_key="x y+z", page_size=3)

    async def test_the_operation_learns_who_calls(self, server: Server) -> None:
        reply = await server.v1()
        call = server.recorder.calls[0][0]
        assert (call.account_uid, call.caller) == ("1000000000000007", "root")
        assert (call.request_id, call.source_address) == (reply.json["RequestId"], "127.0.0.1")

    async def test_hmac_sha256_in_v1(self, server: Server) -> None:
        assert (await server.v1(SignatureMethod="HMAC-SHA256")).status == 200

    @pytest.mark.parametrize("path", ["/", "//", "////", "http://elsewhere//"])
    async def test_slashes(self, server: Server, path: str) -> None:
        query = {name: value for name, value in public_v1("Toy").items() if value is not None}
        query["Signature"] = sign_v1("GET", query, "testsecret")
        assert (await server.request(f"{path}?{encode(query)}")).status == 200

    async def test_body_wins_over_query(self, server: Server) -> None:
        await server.v1(method="POST", PageSize="1", form={"PageSize": "2"})
        assert server.recorder.calls[0][1] == ToyRequest(product_key="a1pk", page_size=2)

    async def test_unknown_parameters_are_ignored(self, server: Server) -> None:
        reply = await server.v1(ApiProduct="Iot", SignatureType="", RegionId="mars-1", changes={"Strange.1.x": "y"})
        assert reply.status == 200

    @pytest.mark.parametrize("content_type", ["", "application/octet-stream", "application/json", "text/html"])
    async def test_an_empty_body_of_any_type(self, server: Server, content_type: str) -> None:
        headers = sign_v3("POST", "Toy", {"ProductKey": "a"}, b"", host=server.host)
        reply = await server.request("/?ProductKey=a", method="POST", headers={**headers, "Content-Type": content_type})
        assert reply.status == 200

    async def test_a_chunked_form_body(self, server: Server) -> None:
        body = b"ProductKey=a1pk&PageSize=7"
        headers = sign_v3("POST", "Toy", {}, body, host=server.host)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST / HTTP/1.1\r\n{lines}Transfer-Encoding: chunked\r\n"
        head += "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n\r\n"
        chunks = b"5\r\n" + body[:5] + b"\r\n15\r\n" + body[5:] + b"\r\n0\r\n\r\n"
        assert (await server.send(head.encode() + chunks)).status == 200
        assert server.recorder.calls[0][1] == ToyRequest(product_key="a1pk", page_size=7)

    async def test_200_names_of_128_encoded_bytes(self, server: Server) -> None:
        names = {f"DeviceName.{n}": f"{'@:' * 14}{n:04d}" for n in range(1, 201)}
        assert len(encode(names)) > 19_000
        assert (await server.v3(parameters={"ProductKey": "a1pk", **names})).status == 200
        long_names = {f"DeviceName.{n}": "@" * 42 for n in range(1, 201)}
        assert 28_000 < len(encode(long_names)) < 32_000
        assert (await server.v1("Toy", long_names)).status == 200
        _, request = server.recorder.calls[0]
        assert isinstance(request, ToyRequest)
        assert request.device_name == tuple(names.values())

    async def test_a_target_of_almost_64_kilobytes(self, server: Server) -> None:
        assert (await server.v3(parameters={"ProductKey": "a1pk", "Padding": "x" * 65_400})).status == 200
        assert (await server.v3(parameters={"ProductKey": "a1pk", "Padding": "x" * 66_000})).status == 400


class TestRefused:
    @pytest.mark.parametrize(
        ("changes", "status", "code"),
        [
            ({"Action": None}, 404, "InvalidAction.NotFound"),
            ({"Action": "Unknown"}, 404, "InvalidAction.NotFound"),
            ({"Action": "PostOnly"}, 404, "InvalidAction.NotFound"),
            ({"Version": None}, 400, "MissingVersion"),
            ({"Version": "2019-01-01"}, 400, "InvalidVersion"),
            ({"AccessKeyId": None}, 400, "MissingAccessKeyId"),
            ({"AccessKeyId": ""}, 400, "MissingAccessKeyId"),
            ({"AccessKeyId": "nobody"}, 404, "InvalidAccessKeyId.NotFound"),
            ({"AccessKeyId": "sleeping"}, 400, "InvalidAccessKeyId.Inactive"),
            ({"Signature": None}, 400, "MissingSignature"),
            ({"Signature": "bm90IGl0"}, 400, "SignatureDoesNotMatch"),
            ({"Signature": "ünot ascii"}, 400, "SignatureDoesNotMatch"),
            ({"SignatureMethod": None}, 400, "MissingSignatureMethod"),
            ({"SignatureMethod": "SHA256withRSA"}, 400, "InvalidSignatureMethod"),
            ({"SignatureVersion": None}, 400, "MissingSignatureVersion"),
            ({"SignatureVersion": "2.0"}, 400, "InvalidSignatureVersion"),
            ({"SignatureNonce": None}, 400, "MissingSignatureNonce"),
            ({"Timestamp": None}, 400, "MissingTimestamp"),
            ({"Timestamp": "2026-11-23 09:16:00"}, 400, "InvalidTimeStamp.Format"),
            ({"Timestamp": "2026-02-30T09:16:00Z"}, 400, "InvalidTimeStamp.Format"),
            ({"Timestamp": "2026-11-23T09:16:00.5Z"}, 400, "InvalidTimeStamp.Format"),
            ({"Timestamp": timestamp(NOW_MS - WINDOW_MS - 1_000)}, 400, "InvalidTimeStamp.Expired"),
            ({"Timestamp": timestamp(NOW_MS + WINDOW_MS + 1_000)}, 400, "InvalidTimeStamp.Expired"),
            ({"ProductKey": None}, 400, "MissingProductKey"),
            ({"PageSize": "ten"}, 400, "InvalidPageSize"),
            ({"NeedPush": "perhaps"}, 400, "InvalidNeedPush"),
            ({"DeviceName.1": "a", "DeviceName.01": "b"}, 400, "InvalidParameter"),
            ({"IotInstanceId": "iot-unknown"}, 200, "iot.Sre.IotInstanceNotFound"),
        ],
    )
    async def test_code_and_status(
        self, server: Server, changes: dict[str, str | None], status: int, code: str
    ) -> None:
        server.principals["sleeping"] = principal("sleeping", active=False)
        action = changes.get("Action", "Toy") or ""
        others = {name: value for name, value in changes.items() if name != "Action"}
        reply = await server.v1(action, others)
        assert (reply.status, reply.code) == (status, code)
        assert reply.json["RequestId"] == reply.headers["x-acs-request-id"]
        assert "x-acs-retry-after" not in reply.headers
        assert server.recorder.calls == []

    @pytest.mark.parametrize(
        ("changes", "status", "code"),
        [
            ({"x-acs-action": None}, 404, "InvalidAction.NotFound"),
            ({"x-acs-version": None}, 400, "MissingVersion"),
            ({"x-acs-date": None}, 400, "MissingTimestamp"),
            ({"x-acs-signature-nonce": None}, 400, "MissingSignatureNonce"),
            ({"x-acs-content-sha256": None}, 400, "MissingParameter"),
            ({"Authorization": None}, 400, "MissingParameter"),
            ({"Authorization": "ACS3-HMAC-SHA256 SignedHeaders=host,Signature=00"}, 400, "MissingAccessKeyId"),
            ({"Authorization": "ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=host"}, 400, "MissingSignature"),
            ({"Authorization": "ACS3-HMAC-SM3 Credential=testid,Signature=00"}, 400, "InvalidSignatureMethod"),
            (
                {"Authorization": "ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=x-acs-date,Signature=00"},
                400,
                "IncompleteSignature",
            ),
            ({"x-acs-action": "Limited"}, 400, "SignatureDoesNotMatch"),
            ({"x-acs-signature-nonce": "other"}, 400, "SignatureDoesNotMatch"),
            ({"x-acs-content-sha256": "00"}, 400, "SignatureDoesNotMatch"),
            ({"host": "elsewhere"}, 400, "SignatureDoesNotMatch"),
            ({"x-acs-signature-nonce": "caf\udce9"}, 400, "InvalidParameter"),
        ],
    )
    async def test_v3(self, server: Server, changes: dict[str, str | None], status: int, code: str) -> None:
        reply = await server.v3(parameters={"ProductKey": "a"}, changes=changes)
        assert (reply.status, reply.code) == (status, code)
        assert reply.headers["Content-Type"] == "application/json;charset=utf-8"

    async def test_v3_body_differs_from_the_signed_one(self, server: Server) -> None:
        headers = sign_v3("POST", "Toy", {}, b"ProductKey=a", host=server.host)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        reply = await server.request("/", method="POST", headers=headers, body=b"ProductKey=b")
        assert (reply.status, reply.code) == (400, "SignatureDoesNotMatch")

    async def test_the_v1_mismatch_ends_with_our_text_to_sign(self, server: Server) -> None:
        parameters = {name: value for name, value in public_v1("Toy").items() if value is not None}
        signed = sign_v1("GET", parameters, "othersecret")
        reply = await server.request(f"/?{encode({**parameters, 'Signature': signed})}")
        before, _, text = reply.json["Message"].partition("server string to sign is:")
        assert before == "Specified signature is not matched with our calculation. "
        assert text.startswith("GET&%2F&AccessKeyId%3Dtestid%26Action%3DToy%26")
        assert reply.json["Message"].split(":")[1] == text

    async def test_shape_of_a_gateway_error(self, server: Server) -> None:
        reply = await server.v1(ProductKey=None)
        assert reply.json == {
            "RequestId": reply.headers["x-acs-request-id"],
            "Message": "ProductKey is mandatory for this action.",
            "HostId": server.host,
            "Code": "MissingProductKey",
        }

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
    async def test_other_methods(self, server: Server, method: str) -> None:
        reply = await server.v1(method=method)
        assert (reply.status, reply.code) == (400, "UnsupportedHTTPMethod")

    async def test_no_parameters_at_all(self, server: Server) -> None:
        reply = await server.request("/")
        assert reply.status == 404
        assert reply.headers["Content-Type"] == "text/xml;charset=utf-8"
        assert b"<Code>InvalidAction.NotFound</Code>" in reply.body

    @pytest.mark.parametrize(
        "query",
        [
            "Format=JSON&a=%ff",
            "Format=JSON&a=%ED%A0%80",
            "Format=JSON&a=1&a=2",
            "Format=JSON&a=%00",
            "Format=JSON" + "&" * 25_000,
        ],
    )
    async def test_malformed_queries(self, server: Server, query: str) -> None:
        reply = await server.request(f"/?{query}")
        assert (reply.status, reply.code) == (400, "InvalidParameter")

    async def test_bare_bytes_in_the_target(self, server: Server) -> None:
        assert (await server.request("/?Format=JSON&a=\udcff")).status == 400

    @pytest.mark.parametrize(
        "body",
        [
            b"a=\xff",
            b"a=1&a=2",
            b"&".join(b"P%d=" % n for n in range(25_000)),
        ],
    )
    async def test_malformed_forms(self, server: Server, body: bytes) -> None:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        reply = await server.request("/?Format=json", method="POST", headers=headers, body=body)
        assert (reply.status, reply.code) == (400, "InvalidParameter")

    async def test_parameters_of_query_and_body_count_together(self) -> None:
        async with serving(limits=Limits(parameters=12)) as server:
            assert (await server.v1(method="POST", form={"PageSize": "1"})).status == 200
            reply = await server.v1(method="POST", form={f"P{n}": "" for n in range(5)})
            assert (reply.status, reply.code) == (400, "InvalidParameter")

    async def test_bodies_over_the_limit(self) -> None:
        async with fresh() as server:
            reply = await server.request("/?Format=JSON", method="POST", body=b"x" * 1_001)
            assert (reply.status, reply.code) == (413, "RequestEntityTooLarge")
            head = b"POST /?Format=JSON HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            reply = await server.send(head + b"fff\r\n" + b"x" * 0xFFF + b"\r\n")
            assert (reply.status, reply.code) == (413, "RequestEntityTooLarge")
            assert reply.headers["Connection"] == "close"

    async def test_bodies_that_do_not_come(self) -> None:
        async with fresh() as server:
            reply = await server.send(b"POST /?Format=JSON HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")
            assert (reply.status, reply.code) == (408, "RequestTimeout")

    async def test_broken_chunks(self, server: Server) -> None:
        head = b"POST /?Format=JSON HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        reply = await server.send(head + b"2\r\nab\r\nzz\r\n")
        assert reply.status == 400


class TestOrder:
    """Each request has two faults; the earlier check answers."""

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"Version": None, "AccessKeyId": "nobody"}, "MissingVersion"),
            ({"AccessKeyId": "nobody", "SignatureMethod": "x"}, "InvalidAccessKeyId.NotFound"),
            ({"SignatureMethod": "x", "Timestamp": "x"}, "InvalidSignatureMethod"),
            ({"Timestamp": "x", "Signature": "x"}, "InvalidTimeStamp.Format"),
            ({"Timestamp": "2020-01-01T00:00:00Z", "Signature": "x"}, "InvalidTimeStamp.Expired"),
            ({"Signature": "x", "SignatureNonce": "used"}, "SignatureDoesNotMatch"),
            ({"SignatureNonce": "used", "Version": "x"}, "SignatureNonceUsed"),
            ({"Version": "x", "Action": "Unknown"}, "InvalidVersion"),
            ({"AccessKeyId": "user", "Action": "Unknown"}, "InvalidAction.NotFound"),
            ({"AccessKeyId": "user", "IotInstanceId": "unknown"}, "NoPermission"),
            ({"IotInstanceId": "unknown", "ProductKey": None}, "iot.Sre.IotInstanceNotFound"),
        ],
    )
    async def test_order(self, server: Server, changes: dict[str, str | None], code: str) -> None:
        server.principals["user"] = principal("user", user="alice")
        assert (await server.v1(SignatureNonce="used")).status == 200
        action = changes.get("Action", "Toy") or ""
        reply = await server.v1(action, {name: value for name, value in changes.items() if name != "Action"})
        assert reply.code == code

    async def test_a_refused_signature_uses_no_nonce(self, server: Server) -> None:
        assert (await server.v1(SignatureNonce="n", Signature="x")).code == "SignatureDoesNotMatch"
        assert (await server.v1(SignatureNonce="n")).status == 200
        assert (await server.v1(SignatureNonce="n")).code == "SignatureNonceUsed"

    async def test_a_nonce_belongs_to_its_key(self, server: Server) -> None:
        server.principals["other"] = principal("other")
        assert (await server.v1(SignatureNonce="n")).status == 200
        assert (await server.v1(SignatureNonce="n", AccessKeyId="other")).status == 200

    @pytest.mark.parametrize("offset", [-WINDOW_MS, WINDOW_MS])
    async def test_the_edges_of_the_window_are_in(self, server: Server, offset: int) -> None:
        assert (await server.v1(Timestamp=timestamp(NOW_MS + offset))).status == 200

    async def test_a_request_from_the_future_cannot_be_replayed_while_it_is_valid(self, server: Server) -> None:
        future = timestamp(NOW_MS + WINDOW_MS)
        assert (await server.v1(SignatureNonce="n", Timestamp=future)).status == 200
        server.clock.ms += 2 * WINDOW_MS
        assert (await server.v1(SignatureNonce="n", Timestamp=future)).code == "SignatureNonceUsed"
        server.clock.ms += 1_000
        assert (await server.v1(SignatureNonce="n", Timestamp=future)).code == "InvalidTimeStamp.Expired"
