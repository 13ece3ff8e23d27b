"""What the scenarios share: devices that do exactly what a test says, a product of its own for each test, accounts."""

import itertools
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import update
from typer.testing import CliRunner, Result

from skyferry.cli import app
from skyferry.store.tables import jobs
from tests.clients.drivers.tea import TeaClient
from tests.support import databases
from tests.support.api import Application, BusinessError, Device, InProcess
from tests.support.device import CDevice
from tests.support.server import Server, wait_until

_POLL_SECONDS: Final = 0.02
_serial = itertools.count(1)


class ScriptedDevice(CDevice):
    """A device whose every message is on the test's command.

    Its reports go out at QoS 1 and return when the server has stored them: what follows can be asked for at once.
    """

    def say_version(self, version: str, module: str | None = None) -> None:
        """Reports the version of the firmware or of a module (device-plane reference §2.1)."""
        self.report_version(version, module, stored=True)

    def say_progress(self, step: int, module: str | None = None, description: str = "") -> None:
        """Reports percent or a failure (device-plane reference §2.6)."""
        params = {"step": str(step), "desc": description} | ({"module": module} if module else {})
        self._publish("progress", json.dumps({"id": 1, "params": params}), acknowledged=True)

    def push(self, seconds: float = 30) -> dict[str, Any]:
        """The next upgrade notice.

        Raises:
            TimeoutError: none came.
        """
        return self._message(f"/ota/device/upgrade/{self.own}", seconds)

    def offer(self) -> dict[str, Any]:
        """What the next upgrade notice offers."""
        data: dict[str, Any] = self.push()["data"]
        return data

    def pushes(self) -> list[dict[str, Any]]:
        """The upgrade notices that are here already."""
        self.ping()
        found: list[dict[str, Any]] = []
        topic = f"/ota/device/upgrade/{self.own}"
        while any(message[0] == topic for message in self._messages):
            found.append(self.push())
        return found

    def pull(self, module: str | None = None, request_id: object = "7") -> dict[str, Any]:
        """Asks for a package and gives the whole answer (device-plane reference §2.7)."""
        params = {"module": module} if module else {}
        topic = f"/sys/{self.own}/thing/ota/firmware/get"
        self._say(topic, {"id": request_id, "version": "1.0", "params": params, "method": "thing.ota.firmware.get"})
        return self._message(f"{topic}_reply", 30)

    def pull_as_before(self, version: str) -> dict[str, Any]:
        """Asks for a package in the older form, which is answered on its own topic (device-plane reference §2.7)."""
        topic = f"/ota/device/request/{self.own}"
        self._say(topic, {"id": "0", "params": {"version": version}})
        return self._message(topic, 30)

    def _say(self, topic: str, message: Mapping[str, Any]) -> None:
        self.say(topic, json.dumps(message).encode())

    def _message(self, topic: str, seconds: float) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._wait_for_message(topic, seconds))
        return message


@dataclass
class Fleet:
    """A product of its own in the account, and short ways to the usual first steps."""

    server: Server
    api: Application
    file_url: str
    stack: ExitStack
    product: str = field(init=False)

    def __post_init__(self) -> None:
        self.product = self.api.create_product(f"product_{next(_serial)}")

    def device(self, name: str = "device-1", version: str | None = "1.0.0", module: str | None = None) -> Device:
        """A device that has reported a version (unless None) and left."""
        device = self.api.register(self.product, name)
        if version is not None:
            with ScriptedDevice(self.server.mqtt, device) as client:
                client.say_version(version, module)
            wait_until(lambda: self.status(device) == "OFFLINE", interval=_POLL_SECONDS, what=f"{name} offline")
        return device

    def devices(self, count: int) -> list[Device]:
        """Devices that run 1.0.0 and are offline."""
        return [self.device(f"device-{number}") for number in range(1, count + 1)]

    def connect(self, device: Device, version: str | None = "1.0.0") -> ScriptedDevice:
        """The device on a new connection, where it has reported a version unless that is None."""
        client = self.stack.enter_context(ScriptedDevice(self.server.mqtt, device))
        if version is not None:
            client.say_version(version)
        return client

    def status(self, device: Device) -> str:
        """Whether the device is online."""
        return str(self.api.call("GetDeviceStatus", IotId=device.iot_id)["Data"]["Status"])

    def wait_for_status(self, device: Device, status: str) -> None:
        """Waits for a presence."""
        wait_until(lambda: self.status(device) == status, interval=_POLL_SECONDS, what=f"{device.name} {status}")

    def modules(self) -> list[dict[str, Any]]:
        """ListOTAModuleByProduct."""
        found: list[dict[str, Any]] = self.api.call("ListOTAModuleByProduct", ProductKey=self.product)["Data"]
        return found

    def package(self, version: str = "2.0.0", **more: Any) -> str:
        """A package that needs no verification unless told otherwise; its module is made when the product lacks it."""
        module = more.get("ModuleName")
        if module and module not in [known["ModuleName"] for known in self.modules()]:
            self.api.call("CreateOTAModule", ProductKey=self.product, ModuleName=module)
        parameters = {
            "ProductKey": self.product,
            "FirmwareName": f"package_{next(_serial)}",
            "DestVersion": version,
            "NeedToVerify": False,
        }
        if "MultiFiles" not in more:
            parameters["FirmwareUrl"] = self.file_url
        return str(self.api.call("CreateOTAFirmware", **(parameters | more))["Data"]["FirmwareId"])

    def job(self, firmware: str, devices: Sequence[Device] = (), **more: Any) -> str:
        """A static job for the given devices, or for all."""
        return self.api.create_job(firmware, self.product, [device.name for device in devices], **more)

    def verification(self, firmware: str, devices: Sequence[Device], **more: Any) -> str:
        """A verify job."""
        names = [device.name for device in devices]
        parameters = {"FirmwareId": firmware, "ProductKey": self.product, "TargetDeviceName": names}
        return str(self.api.call("CreateOTAVerifyJob", **(parameters | more))["Data"]["JobId"])

    def refused_job(self, firmware: str, devices: Sequence[Device] = (), **more: Any) -> str:
        """The code with which a static job is refused."""
        target: dict[str, Any] = {"TargetSelection": "ALL"}
        if devices:
            names = [device.name for device in devices]
            target = {"TargetSelection": "SPECIFIC", "TargetDeviceName": names}
        parameters = {"FirmwareId": firmware, "ProductKey": self.product} | target | more
        return self.api.refusal("CreateOTAStaticUpgradeJob", **parameters)

    def bring_forward(self, job: str, moment: str) -> None:
        """Lets a moment of a job (`schedule_at`, `finish_at`) be now: the API asks for minutes of patience."""
        with databases.connection(self.server.database) as tx:
            tx.execute(update(jobs).where(jobs.c.job_id == job).values({moment: round(time.time() * 1_000)}))

    def task(self, job: str, device: Device) -> dict[str, Any]:
        """The task of a device, as the API shows it."""
        [task] = self.api.tasks(job, DeviceNames=[device.name])
        return task

    def state(self, job: str, device: Device) -> str:
        """The state of a device's task."""
        return str(self.task(job, device)["TaskStatus"])

    def wait_for_state(self, job: str, device: Device, state: str) -> None:
        """Waits for a state of a device's task."""
        wait_until(
            lambda: self.state(job, device) == state, interval=_POLL_SECONDS, what=f"{device.name} {state} in {job}"
        )

    def cancel(self, firmware: str, names: Sequence[str], **more: Any) -> None:
        """CancelOTATaskByDevice."""
        parameters = {"ProductKey": self.product, "FirmwareId": firmware, "DeviceName": list(names)}
        self.api.call("CancelOTATaskByDevice", **(parameters | more))

    def refused_cancel(self, firmware: str, names: Sequence[str], **more: Any) -> str:
        """The code with which CancelOTATaskByDevice is refused."""
        parameters = {"ProductKey": self.product, "FirmwareId": firmware, "DeviceName": list(names)}
        return self.api.refusal("CancelOTATaskByDevice", **(parameters | more))

    def wait_until_cancelled(self, firmware: str, device: Device) -> None:
        """Cancels as soon as the server allows it: what another process set is known to it after a moment."""

        def allowed() -> bool:
            try:
                self.cancel(firmware, [device.name])
            except BusinessError:
                return False
            return True

        wait_until(allowed, interval=0.2, what=f"the right to cancel {device.name}")

    def package_info(self, firmware: str) -> dict[str, Any]:
        """QueryOTAFirmware."""
        info: dict[str, Any] = self.api.call("QueryOTAFirmware", FirmwareId=firmware)["FirmwareInfo"]
        return info


@dataclass(frozen=True)
class Accounts:
    """`skyferry account` on the data directory of a running server."""

    server: Server

    def run(self, *arguments: str, given: str | None = None) -> str:
        """One command of `skyferry account`; gives what it printed."""
        return self.command("account", *arguments, given=given)

    def command(self, *arguments: str, given: str | None = None) -> str:
        """One command on the server's data; gives what it printed."""
        result = self._invoke(arguments, given)
        assert result.exit_code == 0, result.output
        return str(result.stdout)

    def refused(self, *arguments: str, given: str | None = None) -> str:
        """One command of `skyferry account` that is refused; gives the sentence."""
        return self.refused_command("account", *arguments, given=given)

    def refused_command(self, *arguments: str, given: str | None = None) -> str:
        """One command on the server's data that is refused; gives the sentence."""
        result = self._invoke(arguments, given)
        assert result.exit_code == 2, result.output
        return str(result.stderr)

    def _invoke(self, arguments: Sequence[str], given: str | None) -> Result:
        runner = CliRunner(env=self.server.command_environment() | {"COLUMNS": "300"})
        return runner.invoke(app, arguments, input=given)

    def create(self, name: str) -> TeaClient:
        """A new account, with the key that it is born with."""
        return self.client(self.run("create", name))

    def user(self, account: str, name: str, policy: Mapping[str, Any]) -> TeaClient:
        """A RAM user with one policy."""
        self.run("user", "create", name, "--account", account)
        self.put_policy(account, f"{name}Policy", policy)
        self.run("policy", "attach", f"{name}Policy", name, "--account", account)
        return self.client(self.run("key", "create", "--user", name, "--account", account))

    def put_policy(self, account: str, name: str, policy: Mapping[str, Any]) -> None:
        """Stores a policy, or replaces it."""
        self.run("policy", "put", name, "-", "--account", account, given=json.dumps(policy))

    def client(self, printed: str) -> TeaClient:
        """The vendor's SDK with a key as the command line printed it."""
        key_id, secret, *token = (line.partition(": ")[2] for line in printed.splitlines()[:3])
        return TeaClient(str(self.server.http), key_id, secret, *token)

    def instances(self, account: str) -> list[str]:
        """The names of the account's instances, its default one first."""
        listed = self.run("instance", "list", "--account", account)
        return [word for line in listed.splitlines() for word in line.split() if word.startswith("iot-")]


def application(client: TeaClient) -> Application:
    """The calls of an application through a client."""
    return Application(InProcess(client))
