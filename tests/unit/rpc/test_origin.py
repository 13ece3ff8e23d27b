"""Where calls come from, with proxies in front of the server and without."""

import pytest

from skyferry.ram.conditions import parse
from skyferry.ram.policies import Effect, Statement
from tests.unit.rpc.support import principal, serving

LOCAL = ("127.0.0.0/8", "10.0.0.0/8", "fd00::/8")


async def seen_address(headers: dict[str, str], trusted: tuple[str, ...] = LOCAL) -> str:
    """The source address of a call that comes from 127.0.0.1."""
    async with serving(trusted_proxies=trusted) as server:
        assert (await server.v1(headers=headers)).status == 200
        return server.recorder.calls[0][0].source_address


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("6.6.6.6, 203.0.113.5", "203.0.113.5"),
        ("6.6.6.6, 203.0.113.5 ,10.1.1.1,fd00::1", "203.0.113.5"),
        ("10.2.2.2, 10.1.1.1", "10.2.2.2"),
        ("203.0.113.5, nonsense, 10.1.1.1", "10.1.1.1"),
        ("unknown", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("2001:db8::5", "2001:db8::5"),
        ("6.6.6.6, ::ffff:10.1.1.1", "6.6.6.6"),
    ],
)
async def test_a_trusted_proxy_tells_the_caller(forwarded: str, address: str) -> None:
    assert await seen_address({"X-Forwarded-For": forwarded}) == address


async def test_without_the_header_the_proxy_is_the_caller() -> None:
    assert await seen_address({}) == "127.0.0.1"


@pytest.mark.parametrize("trusted", [(), ("10.0.0.0/8", "::1")])
async def test_others_are_not_believed(trusted: tuple[str, ...]) -> None:
    assert await seen_address({"X-Forwarded-For": "203.0.113.5"}, trusted) == "127.0.0.1"


@pytest.mark.parametrize(
    ("trusted", "proto", "secure"),
    [
        (LOCAL, "https", True),
        (LOCAL, "HTTPS", True),
        (LOCAL, "http", False),
        (LOCAL, "https, http", False),
        (LOCAL, None, False),
        ((), "https", False),
    ],
)
async def test_tls_in_front_of_the_server(trusted: tuple[str, ...], proto: str | None, secure: bool) -> None:
    conditions = parse({"Bool": {"acs:SecureTransport": "true"}})
    statement = Statement(Effect.ALLOW, ("iot:*",), ("*",), conditions)
    async with serving(trusted_proxies=trusted) as server:
        server.principals["user"] = principal("user", user="alice", statements=[statement])
        headers = {} if proto is None else {"X-Forwarded-Proto": proto}
        assert (await server.v1(AccessKeyId="user", headers=headers)).status == (200 if secure else 403)


@pytest.mark.parametrize(("shift_ms", "status"), [(-1_000, 200), (0, 403)])
async def test_the_time_of_a_call(shift_ms: int, status: int) -> None:
    conditions = parse({"DateLessThan": {"acs:CurrentTime": "2026-11-23T17:16:00+08:00"}})
    async with serving() as server:
        statement = Statement(Effect.ALLOW, ("iot:*",), ("*",), conditions)
        server.principals["user"] = principal("user", user="alice", statements=[statement])
        server.clock.ms += shift_ms
        assert (await server.v1(AccessKeyId="user")).status == status
