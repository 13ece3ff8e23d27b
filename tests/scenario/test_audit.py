"""Who changed what is kept (gateway reference §4): through the SDK and `skyferry audit`."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.clients.drivers.tea import TeaClient
from tests.scenario.support import Accounts, Fleet, application
from tests.support.server import ROOT_KEY_ID, ROOT_SECRET
from tests.support.sts import StsClient

pytestmark = pytest.mark.rule("accounts")


def records(accounts: Accounts, *filters: str) -> list[dict[str, Any]]:
    """What `skyferry audit` tells, the latest first."""
    return [json.loads(line) for line in accounts.command("audit", "--json", *filters).splitlines()]


def of_product(accounts: Accounts, product: str, *filters: str) -> list[dict[str, Any]]:
    """What was done with a product, the first one first."""
    found = records(accounts, "--limit", "1000", *filters)
    return [record for record in reversed(found) if record["parameters"].get("ProductKey") == product]


def short(record: Mapping[str, Any]) -> tuple[str, str, str]:
    return record["action"], record["caller"], record["outcome"]


def test_a_change_is_kept_with_its_caller_its_parameters_and_its_outcome(fleet: Fleet, accounts: Accounts) -> None:
    answer = fleet.api.call("RegisterDevice", ProductKey=fleet.product, DeviceName="audited")

    [record] = [record for record in of_product(accounts, fleet.product) if record["action"] == "RegisterDevice"]

    assert record["request_id"] == answer["RequestId"]
    assert (record["account"], record["caller"], record["access_key_id"]) == ("root", "root", ROOT_KEY_ID)
    assert (record["source_address"], record["outcome"]) == ("127.0.0.1", "OK")
    assert record["parameters"] == {"ProductKey": fleet.product, "DeviceName": "audited"}
    assert record["instance"] == accounts.instances("root")[0]
    assert answer["Data"]["DeviceSecret"] not in json.dumps(record)


def test_a_change_that_failed_is_kept_with_its_code(fleet: Fleet, accounts: Accounts) -> None:
    assert fleet.api.refusal("RegisterDevice", ProductKey="a1Unknown00", DeviceName="x") == "iot.prod.NotExistedProduct"

    [record] = of_product(accounts, "a1Unknown00")

    assert short(record) == ("RegisterDevice", "root", "iot.prod.NotExistedProduct")


def test_a_denied_change_is_kept(fleet: Fleet, accounts: Accounts) -> None:
    read_only = {"Version": "1", "Statement": {"Effect": "Allow", "Action": "iot:Query*", "Resource": "*"}}
    caller = application(accounts.user("root", "curious", read_only))
    assert caller.refusal("DeleteDevice", ProductKey=fleet.product, DeviceName="x") == "NoPermission"

    [record] = of_product(accounts, fleet.product, "--user", "curious")

    assert short(record) == ("DeleteDevice", "curious", "NoPermission")


def test_who_only_looks_leaves_no_trace(fleet: Fleet, accounts: Accounts) -> None:
    fleet.api.call("QueryProduct", ProductKey=fleet.product)
    fleet.api.call("QueryDevice", ProductKey=fleet.product)

    assert of_product(accounts, fleet.product) == []


def test_a_long_list_is_kept_in_short(fleet: Fleet, accounts: Accounts) -> None:
    firmware = fleet.package()
    names = [f"device-{number}" for number in range(200)]
    fleet.refused_cancel(firmware, names)

    [record] = [item for item in of_product(accounts, fleet.product) if item["action"] == "CancelOTATaskByDevice"]

    shown = {name: value for name, value in record["parameters"].items() if name.startswith("DeviceName")}
    assert shown.pop("DeviceName.N") == "200 in all"
    assert len(shown) == 10
    assert set(shown.values()) <= set(names)


def test_a_change_by_a_temporary_key_is_kept_with_role_and_session(fleet: Fleet, accounts: Accounts) -> None:
    arn = accounts.run("role", "create", "audited-role").strip()
    accounts.run("role", "attach", "AliyunIOTFullAccess", "audited-role")
    body = StsClient(str(fleet.server.http), ROOT_KEY_ID, ROOT_SECRET).assume_role(arn, "nightly")
    key = body.credentials
    client = TeaClient(str(fleet.server.http), key.access_key_id, key.access_key_secret, key.security_token)
    application(client).register(fleet.product, "by-role")

    [registered] = of_product(accounts, fleet.product)
    [assumed] = records(accounts, "--action", "AssumeRole", "--limit", "1")

    assert (registered["caller"], registered["access_key_id"]) == ("audited-role:nightly", key.access_key_id)
    assert assumed["parameters"] == {"RoleArn": arn, "RoleSessionName": "nightly"}
    assert key.access_key_secret not in json.dumps(assumed)


def test_changes_of_accounts_are_kept_though_no_call_made_them(accounts: Accounts) -> None:
    accounts.run("user", "create", "audited-user")

    [record] = records(accounts, "--action", "account user create", "--limit", "1")

    assert (record["caller"], record["parameters"]) == ("cli", {"Name": "audited-user"})


def test_records_of_other_accounts_are_told_apart(accounts: Accounts) -> None:
    caller = application(accounts.create("audited-account"))
    caller.create_product("theirs")

    found = records(accounts, "--account", "audited-account")

    assert [record["action"] for record in found] == ["CreateProduct", "account create"]
    assert {record["account"] for record in found} == {"audited-account"}
