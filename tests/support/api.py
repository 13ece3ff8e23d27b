"""What an application does through the API, whichever client library carries its calls."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import requests

from tests.support import answered
from tests.support.server import ROOT_KEY_ID, ROOT_SECRET, Address, wait_until

OPEN_STATES: Final = frozenset({"CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"})
_WRAPPED: Final = re.compile(r"^code: [0-9]+, | request id: [0-9A-F-]+$")
"""What the SDK puts around a sentence."""
_THROTTLED: Final = "Throttling.User"
_POLL_SECONDS: Final = 0.3  # below the ten calls per second that most operations allow


class GatewayError(Exception):
    """A request that the gateway refused: HTTP 4xx or 5xx."""

    def __init__(self, code: str, message: str, status: int | None) -> None:
        super().__init__(f"{code} (HTTP {status}): {message}")
        self.code = code
        self.message = message
        self.status = status


class BusinessError(Exception):
    """A request that was answered with `Success: false`."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        super().__init__(f"{answer.get('Code')}: {answer.get('ErrorMessage')}")
        self.code = str(answer.get("Code"))
        self.answer = answer


class Caller(Protocol):
    """A client library."""

    def call(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The body of the answer, with the names of the wire.

        Raises:
            GatewayError: the gateway refused the call.
        """


@dataclass(frozen=True)
class Device:
    """A registered device and its credentials."""

    product_key: str
    name: str
    secret: str
    iot_id: str


class Application:
    """The calls of an application, in the order it makes them."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def call(self, action: str, **parameters: Any) -> dict[str, Any]:
        """One operation; waits and tries again when the account's calls per second are used up.

        Raises:
            GatewayError: the gateway refused the call.
            BusinessError: it was answered with `Success: false`.
        """
        while True:
            try:
                answer = self._caller.call(action, parameters)
            except GatewayError as error:
                if error.code != _THROTTLED:
                    sentence = _WRAPPED.sub("", error.message)
                    answered.note(action, error.code, sentence)  # those of RAM have statuses of their own
                    raise
                time.sleep(1)
            else:
                break
        if not truth(answer["Success"]):
            answered.note(action, str(answer.get("Code")), str(answer.get("ErrorMessage")))
            raise BusinessError(answer)
        return answer

    def refusal(self, action: str, **parameters: Any) -> str:
        """The code with which an operation is refused."""
        try:
            answer = self.call(action, **parameters)
        except (GatewayError, BusinessError) as error:
            return error.code
        raise AssertionError(f"{action} was not refused: {answer}")

    def create_product(self, name: str) -> str:
        """A product of directly connected devices; answers its ProductKey."""
        return str(self.call("CreateProduct", ProductName=name, NodeType=0)["Data"]["ProductKey"])

    def register(self, product_key: str, name: str) -> Device:
        """One device."""
        data = self.call("RegisterDevice", ProductKey=product_key, DeviceName=name)["Data"]
        return Device(product_key, data["DeviceName"], data["DeviceSecret"], data["IotId"])

    def register_many(self, product_key: str, count: int) -> str:
        """Up to 10,000 devices in one asynchronous call, with names the server chooses; answers the ApplyId."""
        apply_id = self.call("BatchRegisterDevice", ProductKey=product_key, Count=count)["Data"]["ApplyId"]
        self.wait_for_registration(product_key, apply_id, "CREATE_SUCCESS")
        return str(apply_id)

    def wait_for_registration(self, product_key: str, apply_id: object, status: str) -> None:
        """Waits until an asynchronous registration is in a state."""

        def reached() -> bool:
            data = self.call("QueryBatchRegisterDeviceStatus", ProductKey=product_key, ApplyId=apply_id)["Data"]
            return str(data["Status"]) == status

        wait_until(reached, interval=_POLL_SECONDS, what=f"{status} of {apply_id}")

    def registered(self, product_key: str, apply_id: str, most: int) -> list[Device]:
        """The first devices that an asynchronous call registered."""
        devices: list[Device] = []
        while len(devices) < most:
            number = len(devices) // 50 + 1
            page = self.call("QueryPageByApplyId", ApplyId=apply_id, CurrentPage=number, PageSize=50)
            found = items(page["ApplyDeviceList"], "ApplyDeviceInfo")
            assert found, f"page {number} is empty"
            devices += [Device(product_key, row["DeviceName"], row["DeviceSecret"], row["IotId"]) for row in found]
        return devices[:most]

    def version(self, device: Device) -> str:
        """The version of the firmware as the device last reported it."""
        detail = self.call("QueryDeviceDetail", ProductKey=device.product_key, DeviceName=device.name)["Data"]
        return str(detail.get("FirmwareVersion") or "")

    def wait_for_version(self, device: Device, version: str) -> None:
        """Waits until the server knows that the device runs this version."""
        wait_until(lambda: self.version(device) == version, what=f"version {version} of {device.name}")

    def upload(self, content: bytes, suffix: str = "bin") -> str:
        """Sends a file by the vendor's form; answers the FirmwareUrl.

        Raises:
            requests.HTTPError: the server refuses it, or cannot take it now.
        """
        ticket = self.call("GenerateOTAUploadURL", FileSuffix=suffix)["Data"]
        response = send_form(ticket, content)
        response.raise_for_status()
        assert response.status_code == 200, f"{response.status_code} {response.text}"
        return str(ticket["FirmwareUrl"])

    def upload_list(self, content: bytes) -> str:
        """Sends a list of device names by the vendor's form; answers the FileUrl."""
        ticket = self.call("GenerateDeviceNameListURL")["Data"]
        response = send_form({**ticket, "OSSAccessKeyId": ticket["AccessKeyId"]}, content)
        assert response.status_code == 200, f"{response.status_code} {response.text}"
        return str(ticket["FileUrl"])

    def create_package(self, product_key: str, content: bytes, version: str, **more: Any) -> str:
        """Uploads a file and makes a package of it; answers its FirmwareId."""
        parameters = {
            "ProductKey": product_key,
            "FirmwareName": f"{product_key}-{version}".replace(".", "_"),
            "DestVersion": version,
            "FirmwareUrl": self.upload(content),
        }
        return str(self.call("CreateOTAFirmware", **(parameters | more))["Data"]["FirmwareId"])

    def create_job(self, firmware_id: str, product_key: str, devices: Sequence[str] = (), **more: Any) -> str:
        """A static job for the named devices, or for all when none is named; answers its JobId."""
        target = {"TargetSelection": "SPECIFIC", "TargetDeviceName": list(devices)}
        parameters = target if devices else {"TargetSelection": "ALL"}
        return str(
            self.call(
                "CreateOTAStaticUpgradeJob", FirmwareId=firmware_id, ProductKey=product_key, **(parameters | more)
            )["Data"]["JobId"]
        )

    def tasks(self, job_id: str, **filters: Any) -> list[dict[str, Any]]:
        """All tasks of a job, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            answer = self.call(
                "ListOTATaskByJob", JobId=job_id, CurrentPage=len(found) // 100 + 1, PageSize=100, **filters
            )
            found += items(answer["Data"], "SimpleOTATaskInfo")
            if len(found) >= int(answer["Total"]):
                return found

    def count(self, job_id: str, state: str | None = None) -> int:
        """How many tasks of a job are in a state, as the server counts them."""
        filters = {} if state is None else {"TaskStatus": state}
        answer = self.call("ListOTATaskByJob", JobId=job_id, CurrentPage=1, PageSize=1, **filters)
        return int(answer["Total"])

    def states(self, job_id: str) -> dict[str, str]:
        """The state of each device's task."""
        return {task["DeviceName"]: task["TaskStatus"] for task in self.tasks(job_id)}

    def job_status(self, job_id: str) -> str:
        """`IN_PROGRESS`, `COMPLETED` or `CANCELED`."""
        return str(self.call("QueryOTAJob", JobId=job_id)["Data"]["JobStatus"])

    def wait_for_states(self, job_id: str, wanted: Mapping[str, str], *, seconds: float = 60) -> None:
        """Waits until these devices' tasks are in these states."""
        seen: dict[str, str] = {}

        def reached() -> bool:
            nonlocal seen
            seen = self.states(job_id)
            return all(seen.get(device) == state for device, state in wanted.items())

        wait_until(reached, seconds=seconds, interval=_POLL_SECONDS, what=f"{wanted}", logs=lambda: f"last seen {seen}")

    def wait_for_job(self, job_id: str, status: str = "COMPLETED", *, seconds: float = 60) -> None:
        """Waits until the job is in a state."""
        wait_until(
            lambda: self.job_status(job_id) == status,
            seconds=seconds,
            interval=_POLL_SECONDS,
            what=f"job {job_id} {status}",
        )


def root(address: Address) -> Application:
    """The root account, through the vendor's current SDK."""
    from tests.clients.drivers.tea import TeaClient  # noqa: PLC0415 - the SDK takes a second to import

    return Application(InProcess(TeaClient(str(address), ROOT_KEY_ID, ROOT_SECRET)))


class Driver(Protocol):
    """One client library behind one function; `tests/clients/drivers` has them."""

    def call(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """`{"answer": body}` or `{"error": {"code", "message", "status"}}`."""


class InProcess:
    """A driver in this process, as a caller."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def call(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """See `Caller`."""
        return unpacked(self._driver.call(action, parameters))


def unpacked(result: Mapping[str, Any]) -> dict[str, Any]:
    """The answer in what a driver returned.

    Raises:
        GatewayError: it returned an error.
    """
    if error := result.get("error"):
        raise GatewayError(error["code"], error["message"], error["status"])
    answer: dict[str, Any] = result["answer"]
    return answer


def send_form(ticket: Mapping[str, Any], content: bytes) -> requests.Response:
    """The vendor's upload form (gateway reference §5): text fields first, the file last."""
    fields = {
        "key": ticket["Key"],
        "policy": ticket["Policy"],
        "OSSAccessKeyId": ticket["OSSAccessKeyId"],
        "signature": ticket["Signature"],
        "success_action_status": "200",
    }
    return requests.post(ticket["Host"], data=fields, files={"file": content}, timeout=60)


def items(holder: Any, name: str) -> list[dict[str, Any]]:
    """The items of a wrapped list; XML has no empty list and cannot tell one item from a list of one."""
    found = (holder or {}).get(name) or []
    return found if isinstance(found, list) else [found]


def truth(value: Any) -> bool:
    """A boolean, as JSON has it or as XML spells it."""
    return str(value).lower() == "true"
