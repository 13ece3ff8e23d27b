"""The application's part of the demo, written as a customer would write it: the official SDK and nothing else."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import requests
from alibabacloud_iot20180120 import models
from alibabacloud_iot20180120.client import Client
from alibabacloud_tea_openapi.models import Config

from skyferry.simulator.identity import DeviceIdentity

STATES: Final = ("CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "CANCELED")
OPEN_STATES: Final = STATES[:4]

_POLL_SECONDS: Final = 0.3
_PAGE: Final = 50
_UPLOAD_SECONDS: Final = 60


class RefusedError(Exception):
    """The server answered `Success: false`."""


@dataclass(frozen=True, slots=True)
class Package:
    """An uploaded package."""

    firmware_id: str
    version: str


class Application:
    """What the demo asks of the server."""

    def __init__(self, http: str, access_key_id: str, secret: str) -> None:
        """Connects the SDK to a server: the endpoint is all that a customer changes."""
        config = Config(access_key_id=access_key_id, access_key_secret=secret, endpoint=http, protocol="HTTP")
        self._client = Client(config)

    def create_product(self, name: str) -> str:
        """The key of a new product."""
        request = models.CreateProductRequest(product_name=name, node_type=0)
        return str(_checked(self._client.create_product(request)).data.product_key)

    def register_devices(self, product_key: str, count: int) -> list[DeviceIdentity]:
        """New devices with generated names."""
        request = models.BatchRegisterDeviceRequest(product_key=product_key, count=count)
        apply_id = _checked(self._client.batch_register_device(request)).data.apply_id
        status = models.QueryBatchRegisterDeviceStatusRequest(product_key=product_key, apply_id=apply_id)
        _wait(lambda: _checked(self._client.query_batch_register_device_status(status)).data.status == "CREATE_SUCCESS")
        return list(self._registered(product_key, apply_id))

    def _registered(self, product_key: str, apply_id: int) -> Iterator[DeviceIdentity]:
        page, pages = 1, 1
        while page <= pages:
            request = models.QueryPageByApplyIdRequest(apply_id=apply_id, current_page=page, page_size=_PAGE)
            body = _checked(self._client.query_page_by_apply_id(request))
            for device in body.apply_device_list.apply_device_info:
                yield DeviceIdentity(product_key, device.device_name, device.device_secret)
            page, pages = page + 1, body.page_count

    def upload(self, product_key: str, name: str, version: str, content: bytes) -> Package:
        """A package of one file: ticket, form upload, package."""
        ticket = _checked(self._client.generate_otaupload_url(models.GenerateOTAUploadURLRequest())).data
        form = {
            "key": ticket.key,
            "policy": ticket.policy,
            "OSSAccessKeyId": ticket.ossaccess_key_id,
            "signature": ticket.signature,
            "success_action_status": "200",
        }
        answer = requests.post(ticket.host, data=form, files={"file": ("fw.bin", content)}, timeout=_UPLOAD_SECONDS)
        answer.raise_for_status()
        request = models.CreateOTAFirmwareRequest(
            product_key=product_key,
            firmware_name=name,
            dest_version=version,
            firmware_url=ticket.firmware_url,
            sign_method="SHA256",
        )
        return Package(str(_checked(self._client.create_otafirmware(request)).data.firmware_id), version)

    def verify(self, package: Package, product_key: str, device_names: Sequence[str]) -> bool:
        """Verifies the package on devices and tells whether it is verified."""
        request = models.CreateOTAVerifyJobRequest(
            firmware_id=package.firmware_id, product_key=product_key, target_device_name=list(device_names)
        )
        _checked(self._client.create_otaverify_job(request))
        query = models.QueryOTAFirmwareRequest(firmware_id=package.firmware_id)
        verifying = 2

        def status() -> int:
            return int(_checked(self._client.query_otafirmware(query)).firmware_info.status)

        _wait(lambda: status() != verifying)
        return status() == 1

    def update_all(self, package: Package, product_key: str, *, maximum_per_minute: int) -> str:
        """Starts a job for all devices of the product."""
        request = models.CreateOTAStaticUpgradeJobRequest(
            firmware_id=package.firmware_id,
            product_key=product_key,
            target_selection="ALL",
            maximum_per_minute=maximum_per_minute,
        )
        return str(_checked(self._client.create_otastatic_upgrade_job(request)).data.job_id)

    def cancel(self, package: Package, product_key: str, job_id: str, device_names: Sequence[str]) -> None:
        """Cancels the pending tasks of devices: the call that this project started from."""
        request = models.CancelOTATaskByDeviceRequest(
            firmware_id=package.firmware_id, product_key=product_key, job_id=job_id, device_name=list(device_names)
        )
        _checked(self._client.cancel_otatask_by_device(request))

    def count(self, job_id: str, state: str) -> int:
        """How many tasks of a job are in a state."""
        request = models.ListOTATaskByJobRequest(job_id=job_id, task_status=state, current_page=1, page_size=1)
        return int(_checked(self._client.list_otatask_by_job(request)).total)

    def job_status(self, job_id: str) -> str:
        """The state of a job."""
        return str(_checked(self._client.query_otajob(models.QueryOTAJobRequest(job_id=job_id))).data.job_status)


def _checked(response: Any) -> Any:
    body = response.body
    if not body.success:
        raise RefusedError(f"{body.code}: {body.error_message}")
    return body


def _wait(done: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("The server did not come to it in time.")
        time.sleep(_POLL_SECONDS)
