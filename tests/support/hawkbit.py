"""A device that speaks hawkBit's device API with nothing but an HTTP client."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from tests.support.api import Device
from tests.support.server import Address


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)


@dataclass
class HawkbitDevice:
    """A device that asks only when the test says so.

    Attributes:
        address: the server's HTTP port.
        tenant: the ProductKey.
        controller: the DeviceName.
        authorization: the header.
        device: as it was registered.
    """

    address: Address
    tenant: str
    controller: str
    authorization: str
    device: Device

    @classmethod
    def of(cls, address: Address, device: Device) -> "HawkbitDevice":
        """A device with its own token."""
        return cls(address, device.product_key, device.name, f"TargetToken {device.secret}", device)

    @property
    def root(self) -> str:
        """The path that it polls."""
        return f"/{quote(self.tenant, safe='')}/controller/v1/{quote(self.controller, safe='')}"

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """One request on a connection of its own; a body that is no bytes is sent as JSON. Paths may be whole URLs."""
        parts = urlsplit(path)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        if not target.startswith(f"/{self.tenant}/"):
            target = f"{self.root}{target}"
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        try:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            told = {"Authorization": self.authorization} if self.authorization else {}
            connection.request(method, target, data, {**told, **{k.replace("_", "-"): v for k, v in headers.items()}})
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def poll(self) -> dict[str, Any]:
        """The links of the next poll, by their names."""
        answer = self.send("GET", "")
        assert answer.status == 200, answer.body
        return {name: link["href"] for name, link in answer.json["_links"].items() if name != "configData"}

    def deployment(self) -> tuple[str, dict[str, Any]]:
        """The action that the next poll tells of, and its only chunk."""
        described = self.send("GET", self.poll()["deploymentBase"])
        assert described.status == 200, described.body
        [chunk] = described.json["deployment"]["chunks"]
        return str(described.json["id"]), chunk

    def feedback(
        self,
        action: str,
        execution: str,
        finished: str = "none",
        *details: str,
        progress: tuple[int, int] | None = None,
        resource: str = "deploymentBase",
    ) -> int:
        """Sends feedback; gives the status of the answer."""
        result: dict[str, Any] = {"finished": finished}
        if progress is not None:
            result["progress"] = {"cnt": progress[0], "of": progress[1]}
        status = {"execution": execution, "result": result, "details": list(details)}
        return self.send("POST", f"/{resource}/{action}/feedback", {"id": action, "status": status}).status

    def report(self, mode: str | None = None, **data: object) -> Answer:
        """Sends its attributes."""
        body: dict[str, Any] = {"data": data} | ({"mode": mode} if mode else {})
        return self.send("PUT", "/configData", body)

    def report_all(self, data: Mapping[str, object], mode: str | None = None) -> Answer:
        """Sends attributes of any name."""
        return self.send("PUT", "/configData", {"data": dict(data)} | ({"mode": mode} if mode else {}))
