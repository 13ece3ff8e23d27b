"""What refusals say besides the vendor's sentence: what to do about it."""

import pytest

from skyferry.ram.policies import Effect, Statement
from skyferry.rpc.call import Call
from skyferry.rpc.operation import Access, Empty, RequestModel, operation
from tests.unit.rpc.support import NOW_MS, Recorder, Server, principal, serving, timestamp, toy


@pytest.mark.parametrize(
    ("action", "changes", "advice"),
    [
        ("Toy", {"Timestamp": timestamp(NOW_MS - 3_600_000)}, "clock says 2026-11-23T09:16:00Z"),
        ("Toy", {"Timestamp": timestamp(NOW_MS - 3_600_000)}, "by 15 minutes"),
        ("Toy", {"Timestamp": "2026-11-23 09:16:00"}, "YYYY-MM-DDThh:mm:ssZ"),
        ("Toy", {"Version": "2017-04-20"}, "2018-01-20"),
        ("Pub", {}, "no operation Pub"),
        ("x" * 2_000, {}, f"no operation {'x' * 64}…:"),
        ("toy", {}, "write Toy"),
        ("PostOnly", {}, "call it with POST"),
        ("", {}, "Action"),
        ("Toy", {"IotInstanceId": "iot-cn-0pp1n8t"}, "Leave IotInstanceId out, or give iot-default or iot-0xabc."),
    ],
)
async def test_a_refusal_says_what_to_do(
    server: Server, action: str, changes: dict[str, str | None], advice: str
) -> None:
    reply = await server.v1(action, changes)
    assert advice in reply.json.get("Message", reply.json.get("ErrorMessage"))


@operation("Elsewhere", qps=10, access=Access.READ, versions=["2015-05-01"])
async def elsewhere(call: Call[Recorder], request: RequestModel) -> Empty:
    """Answer in another version."""
    return Empty()


async def test_an_operation_of_another_version_names_it() -> None:
    async with serving([toy, elsewhere]) as server:
        assert (await server.v1("Toy", {"Version": "x"})).json["Message"].endswith("not valid. It is 2018-01-20.")
        assert "2015-05-01 or 2018-01-20" in (await server.v1("Pub", {"Version": "x"})).json["Message"]
        reply = await server.v1("Toy", {"Version": "2015-05-01"})
    assert reply.code == "InvalidAction.NotFound"
    assert "Version 2018-01-20" in reply.json["Message"]


async def test_a_denial_names_the_caller_and_the_action(server: Server) -> None:
    server.principals["user"] = principal("user", user="alice")
    reply = await server.v1(AccessKeyId="user")
    assert reply.json["Message"].endswith("The SubUser alice needs a policy that allows iot:Toy.")


async def test_a_denial_by_a_statement_says_so(server: Server) -> None:
    denies = Statement(Effect.DENY, ("iot:Toy",), ("*",), ())
    server.principals["user"] = principal("user", user="alice", statements=[denies])
    reply = await server.v1(AccessKeyId="user")
    assert reply.json["Message"].endswith("A policy of the SubUser alice denies iot:Toy.")


async def test_throttling_tells_the_quota(server: Server) -> None:
    replies = [await server.v1("Limited") for _ in range(11)]
    assert replies[-1].json["Message"].endswith("by the account and its RAM users together: at most 10 a second.")
