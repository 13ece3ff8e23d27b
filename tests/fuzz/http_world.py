"""A started server in which two accounts have everything, and what of it no answer may ever tell."""

import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from skyferry.operations import OPERATIONS
from tests.fuzz.requests import Answer, statuses
from tests.scenario.support import Accounts, application
from tests.support.api import Application, Device, root
from tests.support.hawkbit import HawkbitDevice
from tests.support.server import Server, wait_until

SETTINGS: Final = {
    "SKYFERRY_QUOTAS": json.dumps(dict.fromkeys(OPERATIONS, 1_000_000)),
    "SKYFERRY_HAWKBIT_PLAIN": "true",
    "SKYFERRY_REGISTRATION_PLAIN": "true",
    "SKYFERRY_LOGIN_DELAY_SECONDS": "0",
    "SKYFERRY_LOGIN_FAILURES_PER_ADDRESS": "1000000",
    "SKYFERRY_MOST_PACKAGES": "1000000",
}
_TICKET_SECONDS: Final = 30
"""How long an upload ticket is used; the server takes it for a minute."""
_MOST_GROWTH_BYTES: Final = 192 * 1024 * 1024
"""What the server may grow by, however long it is sent to: caches and what the allocator keeps."""
_MOST_DESCRIPTORS: Final = 32
"""Files that the server may have open more than before: connections to its database."""
_STACK_TRACES: Final = (b"Traceback (most recent", b'File "/', b"sqlalchemy", b"aiosqlite")
_WHERE: Final = re.compile(r'"level": ?"(?:error|critical)"|^(?:ERROR|CRITICAL) |Traceback', re.MULTILINE)


@dataclass(frozen=True)
class Property:
    """What an account has: names that anyone may know and guess, and secrets.

    Attributes:
        api: the account.
        product: its product, whose devices speak hawkBit's protocol.
        product_secret: of that product.
        device: the device that the job is for.
        job: the job.
        firmware: its package.
        action: the device's task, as hawkBit calls it.
        download: the path of the package's file in hawkBit's form.
        url: the signed URL of a package file of the account: what a device without hawkBit gets.
        tuf: the URLs of the repository.
        secrets: what nobody else may be told.
    """

    api: Application
    product: str
    product_secret: str
    device: Device
    job: str
    firmware: str
    action: str
    download: str
    url: str
    tuf: Mapping[str, Any]
    secrets: tuple[bytes, ...]


def secret(what: str) -> str:
    """A text that nobody can guess, which a product or a package may be called."""
    return f"{what}_{os.urandom(8).hex()}"


def settle(server: Server, api: Application, account: str = "root") -> Property:
    """Gives an account a product with a device, a package, a job that the device was told of, and a repository."""
    product_name, package_name, tag, attribute = (secret(what) for what in ("product", "package", "tag", "attribute"))
    content = secret("content").encode() * 20
    product = api.create_product(product_name)
    api.call("UpdateProductSettings", ProductKey=product, DeviceProtocol="hawkbit", DynamicRegistration="ANY")
    token = str(api.call("ResetGatewayToken", ProductKey=product)["Data"]["GatewayToken"])
    product_secret = str(api.call("QueryProduct", ProductKey=product)["Data"]["ProductSecret"])
    device = api.register(product, f"board-of-{account}")
    api.call("SaveDeviceProp", IotId=device.iot_id, Props=json.dumps({"owner": tag}))
    firmware = api.create_package(product, content, "2.0.0", FirmwareName=package_name, NeedToVerify=False)
    Accounts(server).command("tuf", "init", product, "--account", account)
    board = HawkbitDevice.of(server.http, device)
    assert board.report(version="1.0.0", place=attribute).status == 200
    job = api.create_job(firmware, product, [device.name], RetryInterval=0, RetryCount=5)
    api.wait_for_states(job, {device.name: "QUEUED"})
    action, chunk = board.deployment()
    url = str(api.call("QueryOTAFirmware", FirmwareId=firmware)["FirmwareInfo"]["FirmwareUrl"])
    texts = (product_name, product_secret, device.secret, token, package_name, tag, attribute)
    return Property(
        api,
        product,
        product_secret,
        device,
        job,
        firmware,
        action,
        chunk["artifacts"][0]["_links"]["download"]["href"].partition(str(server.http))[2],
        url,
        api.call("QueryTufRepository", ProductKey=product)["Data"],
        (*(text.encode() for text in texts), content),
    )


@dataclass
class HttpWorld:
    """The server, the account that the requests come from, and another account."""

    server: Server
    own: Property
    neighbour: Device
    foreign: Property
    _ticket: Mapping[str, Any] = field(default_factory=dict)
    _ticket_until: float = 0.0

    @classmethod
    def make(cls, server: Server) -> "HttpWorld":
        """Settles both accounts on a started server."""
        own = settle(server, root(server.http))
        neighbour = own.api.register(own.product, "neighbour")
        accounts = Accounts(server)
        return cls(server, own, neighbour, settle(server, application(accounts.create("stranger")), "stranger"))

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """What no answer may tell, whoever of the own account's product asks."""
        return (*self.foreign.secrets, self.neighbour.secret.encode())

    def ticket(self) -> Mapping[str, Any]:
        """An upload ticket that is valid for a while."""
        if time.monotonic() > self._ticket_until:
            self._ticket = self.own.api.call("GenerateOTAUploadURL")["Data"]
            self._ticket_until = time.monotonic() + _TICKET_SECONDS
        return self._ticket

    def check(self, answer: Answer | None, secrets: tuple[bytes, ...], about: str) -> None:
        """An answer must tell nothing of the server's inside and nothing of others."""
        if answer is None:
            return
        for text in (*secrets, *_STACK_TRACES):
            assert text not in answer.received, f"{about}: {text!r} in {answer.received!r}"
        failed = [status for status in statuses(answer.received) if status >= 500]
        assert not failed, f"{about}: {answer.received[:2_000]!r}"

    def others_have(self) -> list[dict[str, Any]]:
        """What the other account has, as it sees it itself."""
        theirs = self.foreign
        page = {"CurrentPage": 1, "PageSize": 10}
        asked: dict[str, Mapping[str, Any]] = {
            "QueryProduct": {"ProductKey": theirs.product},
            "QueryProductSettings": {"ProductKey": theirs.product},
            "QueryDeviceDetail": {"IotId": theirs.device.iot_id},
            "QueryDeviceAttributes": {"IotId": theirs.device.iot_id},
            "QueryDeviceProp": {"IotId": theirs.device.iot_id},
            "ListOTAFirmware": {"ProductKey": theirs.product, **page},
            "ListOTATaskByJob": {"JobId": theirs.job, **page},
            "QueryProductList": page,
            "QueryDevice": {"ProductKey": theirs.product, **page},
        }
        answers = [theirs.api.call(action, **parameters) for action, parameters in asked.items()]
        return [{name: value for name, value in answer.items() if name != "RequestId"} for answer in answers]


@dataclass(frozen=True)
class Condition:
    """How the server is: what it holds, and how much it has logged."""

    process: psutil.Process
    bytes: int
    descriptors: int
    logged: int
    log: Path

    @classmethod
    def of(cls, server: Server) -> "Condition":
        """Now."""
        process, log = psutil.Process(server.pid), server.directory / "stderr.log"
        return cls(process, process.memory_info().rss, process.num_fds(), log.stat().st_size, log)

    def check(self) -> None:
        """The server is as well as it was: nothing failed in it, it did not grow, and it has let go of everything."""
        text = self.log.read_bytes()[self.logged :].decode()
        found = _WHERE.search(text)
        assert found is None, text[max(0, found.start() - 500) : found.end() + 3_000]
        wait_until(lambda: self.process.num_fds() <= self.descriptors + _MOST_DESCRIPTORS, what="closed descriptors")
        assert self.process.memory_info().rss - self.bytes < _MOST_GROWTH_BYTES
