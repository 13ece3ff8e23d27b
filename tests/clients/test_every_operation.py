"""Every operation of the vendor's API through its SDK: one story on one server, whose answers fill every field."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest
from alibabacloud_iot20180120 import models

from docs.generate.official import metadata
from skyferry.operations import OPERATIONS
from tests.clients.story import devices, updates
from tests.clients.story.recorder import Recorder, documented_fields
from tests.scenario.support import Accounts, Fleet
from tests.support.api import Application, InProcess
from tests.support.server import ROOT_KEY_ID, ROOT_SECRET, Server

pytestmark = pytest.mark.client

NEVER_FILLED: Final = {
    "ResetThing: job_id": "what it does is done at once",
    "QueryDevice: data.device_info[].device_type": "the vendor does not return it either",
}
"""What the SDK's classes know and no answer holds, and why."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    """The client after the whole story."""
    settings = {"SKYFERRY_QUOTAS": json.dumps(dict.fromkeys(OPERATIONS, 10_000)), "SKYFERRY_PUSH_DELAY_SECONDS": "600"}
    with Server(tmp_path_factory.mktemp("story"), settings) as server, ExitStack() as stack:
        client = Recorder(str(server.http), ROOT_KEY_ID, ROOT_SECRET)
        tell(server, Application(InProcess(client)), stack)
        for action in metadata():
            client.call(action, {"IotInstanceId": "iot-of-nobody"})
        yield client


def tell(server: Server, api: Application, stack: ExitStack) -> None:
    """The whole story."""
    [instance, *_] = Accounts(server).instances("root")
    product = devices.tell_of_products(api)
    device = devices.tell_of_registrations(api, product)
    fleet = Fleet(server, api, api.upload(b"firmware"), stack)
    devices.tell_of_devices(api, fleet, device)
    devices.tell_of_gateways(api, fleet)
    devices.tell_of_tags(api, device)
    groups = devices.tell_of_groups(api, device, instance)
    updates.tell_of_modules(api, fleet, device)
    devices.tell_of_searches(api, device)
    firmware = updates.tell_of_packages(api, product)
    updates.verified(api, fleet, device, firmware)
    updates.tell_of_tasks(api, fleet, device, firmware)
    updates.tell_of_jobs(api, device, firmware, groups)


def test_every_operation_is_served() -> None:
    assert set(metadata()) - set(OPERATIONS) == set()


@pytest.mark.parametrize("action", sorted(metadata()))
def test_every_field_is_filled(told: Recorder, action: str) -> None:
    documented = set(documented_fields(getattr(models, f"{action}ResponseBody")))
    excused = {name for name in documented if f"{action}: {name}" in NEVER_FILLED}

    assert documented - told.filled[action] == excused


def test_every_excuse_is_about_a_field() -> None:
    known = {
        f"{action}: {name}"
        for action in metadata()
        for name in documented_fields(getattr(models, f"{action}ResponseBody"))
    }

    assert set(NEVER_FILLED) <= known
