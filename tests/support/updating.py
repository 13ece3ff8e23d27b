"""A fleet of simulated devices and a job for all of them: what the server says of it must be what the devices say."""

import os
from collections import Counter
from typing import Final

from skyferry.simulator.behaviour import Behaviour
from skyferry.simulator.fleet import Fleet
from skyferry.simulator.identity import DeviceIdentity
from tests.support.api import Application, items, root
from tests.support.device import report_versions
from tests.support.server import Address, Server, wait_until

CONTENT: Final = bytes(range(256)) * 400
OLD: Final = "1.0.0"
NEW: Final = "2.0.0"
ENDED: Final = ("SUCCEEDED", "FAILED")
_OPEN: Final = ("QUEUED", "NOTIFIED", "IN_PROGRESS")
_PATIENCE_SECONDS: Final = 120


def fleet_size(usual: int) -> int:
    """How many devices a test has: few in a usual run, as many as `SKYFERRY_FAULT_DEVICES` says when a person asks."""
    return int(os.environ.get("SKYFERRY_FAULT_DEVICES", usual))


class Scene:
    """A product with devices that have told their version, and a job for all of them."""

    def __init__(self, server: Server, size: int, name: str = "stormy") -> None:
        self.server = server
        self.size = size
        self.patience = _PATIENCE_SECONDS + size / 5
        """Seconds after which the fleet counts as stuck."""
        api = root(server.http)
        self.product = api.create_product(name)
        self.devices = api.registered(self.product, api.register_many(self.product, size), size)
        report_versions(server.mqtt, self.devices, OLD)
        wait_until(lambda: self._known() == size, seconds=self.patience, what="the versions of the devices")
        self.job = api.create_job(api.create_package(self.product, CONTENT, NEW, NeedToVerify=False), self.product)

    def _known(self) -> int:
        """How many devices have told their version, as the server knows it: of several processes one may be behind."""
        found = root(self.server.http).call("QueryOTAVersionDistribution", ProductKey=self.product)
        return int(found["Data"]["Total"])

    def fleet(self, mqtt: Address, *, report_qos: int = 1) -> Fleet:
        """The devices: some fail, some lose their power, some are cut in their download."""
        behaviour = Behaviour(
            report_qos=report_qos,
            install_seconds=0.1,
            start_spread_seconds=self.size / 200,
            retry_most_seconds=2,
            fail_flash=0.1,
            fail_verify=0.05,
            power_cut=0.1,
            break_download=0.2,
        )
        identities = [DeviceIdentity(device.product_key, device.name, device.secret) for device in self.devices]
        return Fleet(identities, *mqtt, behaviour)

    def wait_for_ended(self, share: float) -> None:
        """Waits until so many of the tasks have ended."""
        wait_until(
            lambda: sum(self.counts(*ENDED).values()) >= share * self.size,
            seconds=self.patience,
            interval=0.3,
            what=f"the end of {share:.0%} of {self.size} tasks",
            logs=lambda: str(self.counts(*ENDED, *_OPEN)),
        )

    def _events(self, api: Application, name: str) -> list[str]:
        """What has happened to the task of a device, oldest first."""
        [task] = [task for task in api.tasks(self.job) if task["DeviceName"] == name]
        found = api.call("QueryOTATaskHistory", TaskId=task["TaskId"])["Data"]["Changes"]
        return [str(change["Event"]) for change in items(found, "TaskChange")]

    def counts(self, *states: str) -> dict[str, int]:
        """How many tasks are in these states, as the server counts them."""
        api = root(self.server.http)
        return {state: api.count(self.job, state) for state in states}

    def check(self, fleet: Fleet) -> None:
        """Compares what the server says with what the devices know of themselves, when all tasks have ended.

        A device that tells a failure while the next notice is on its way to it may come to the version all the same.
        The task has failed by then, and stays so.
        """
        api = root(self.server.http)
        api.wait_for_job(self.job)
        states = api.states(self.job)
        by_state = Counter(states.values())
        said = {each.identity.device_name: _end_of(each.version) for each in fleet.devices}
        apart = {name: (states.get(name), ends) for name, ends in said.items() if states.get(name) != ends}
        events = {name: self._events(api, name) for name in apart}
        strange = {
            name: (*both, events[name])
            for name, both in apart.items()
            if both != ("FAILED", "SUCCEEDED") or "FAILURE_REPORTED" not in events[name]
        }
        assert states.keys() == said.keys()
        assert not strange, f"the server and the devices say of their tasks: {strange}"
        assert len(api.tasks(self.job)) == self.size
        assert self.counts(*ENDED, *_OPEN) == {state: by_state[state] for state in (*ENDED, *_OPEN)}
        told = [complaint for complaint in fleet.tally.complaints if "The connection broke" not in complaint]
        assert fleet.tally.violations == 0, (told, str(fleet.tally))
        assert fleet.tally.digest_failures == 0


def _end_of(version: str) -> str:
    """What the task of a device has come to that runs this version when everything is over."""
    return "SUCCEEDED" if version == NEW else "FAILED"
