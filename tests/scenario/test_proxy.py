"""A proxy in front of the server: its word on the caller counts when the settings trust it (gateway reference §4.2)."""

import json
from pathlib import Path

import pytest

from tests.clients.drivers.tea import TeaClient
from tests.scenario.support import Accounts, application
from tests.support.proxy import proxy
from tests.support.server import Address, Server

pytestmark = pytest.mark.rule("accounts")

CALLER = "203.0.113.5"
POLICY = {
    "Version": "1",
    "Statement": {
        "Effect": "Allow",
        "Action": "iot:*",
        "Resource": "*",
        "Condition": {"IpAddress": {"acs:SourceIp": f"{CALLER}/32"}, "Bool": {"acs:SecureTransport": "true"}},
    },
}


def user(accounts: Accounts, name: str, address: Address) -> TeaClient:
    """A RAM user who may come over TLS and from one address only."""
    accounts.user("root", name, POLICY)
    printed = accounts.run("key", "create", "--user", name)
    key_id, secret = (line.partition(": ")[2] for line in printed.splitlines())
    return TeaClient(str(address), key_id, secret)


def test_a_trusted_proxy_tells_who_calls_and_over_tls(tmp_path: Path) -> None:
    with (
        Server(tmp_path / "server", {"SKYFERRY_TRUSTED_PROXIES": "127.0.0.1"}) as server,
        proxy(server.http, CALLER) as address,
    ):
        accounts = Accounts(server)
        application(user(accounts, "through", address)).create_product("through_the_proxy")
        past = application(user(accounts, "past", server.http))
        assert past.refusal("CreateProduct", ProductName="past_the_proxy", NodeType=0) == "NoPermission"

        refused, made = map(json.loads, accounts.command("audit", "--json", "--action", "CreateProduct").splitlines())

    assert (made["caller"], made["source_address"]) == ("through", CALLER)
    assert (refused["caller"], refused["source_address"]) == ("past", "127.0.0.1")


def test_a_proxy_that_is_not_trusted_is_the_caller_itself(server: Server, accounts: Accounts) -> None:
    with proxy(server.http, CALLER) as address:
        caller = application(user(accounts, "untrusted", address))
        assert caller.refusal("CreateProduct", ProductName="not_made", NodeType=0) == "NoPermission"

    [record] = map(json.loads, accounts.command("audit", "--json", "--user", "untrusted").splitlines())
    assert record["source_address"] == "127.0.0.1"
