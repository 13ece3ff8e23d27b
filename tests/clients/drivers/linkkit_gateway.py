"""A gateway on the vendor's Python device SDK, in an environment of its own.

Arguments: host, port, ProductKey, DeviceName, DeviceSecret of the gateway; ProductKey and ProductSecret of the
sub-devices' product; their names, separated by commas. It registers them, adds them, logs them in, reports their
version, tells of the notices that come for them and reports the new version. What the SDK offers it does through the
SDK; the update of sub-devices is an application's business. It tells each step as a JSON line; the line `"leave"` on
its input lets it log them out, and it leaves when its input ends.
"""

import json
import logging
import sys
from typing import Any

from linkkit.linkkit import LinkKit


def tell(event: str, **details: Any) -> None:
    print(json.dumps({"event": event, **details}), flush=True)


class Gateway:
    """The gateway, and what it does when something is answered."""

    def __init__(self, linkkit: LinkKit, product: str, product_secret: str, names: list[str]) -> None:
        self._linkkit = linkkit
        self._product = product
        self._product_secret = product_secret
        self._names = names
        self._subdevices: list[list[str]] = []
        linkkit.on_connect = self._on_connect
        linkkit.on_gateway_product_register_subdev_reply = self._on_registered
        linkkit.on_gateway_add_subdev_topo_reply = self._on_added
        linkkit.on_gateway_login_subdev_reply = self._on_logged_in
        linkkit.on_gateway_logout_subdev_reply = self._on_logged_out
        linkkit.on_gateway_delete_subdev_topo_reply = self._on_deleted
        linkkit.on_topic_message = self._on_message

    def leave(self) -> None:
        self._linkkit.gateway_logout_subdev([device[:2] for device in self._subdevices])

    def _on_connect(self, _flag: int, code: int, _data: Any) -> None:
        tell("connected", code=code)
        wanted = [[self._product, name, self._product_secret] for name in self._names]
        self._linkkit.gateway_product_register_subdev(wanted)

    def _on_registered(self, _id: str, code: int, data: Any, _message: str, _data: Any) -> None:
        tell("registered", code=code, names=[device["deviceName"] for device in data])
        self._subdevices = [[self._product, device["deviceName"], device["deviceSecret"]] for device in data]
        self._linkkit.gateway_add_subdev_topo(self._subdevices)

    def _on_added(self, _id: str, code: int, data: Any, _message: str, _data: Any) -> None:
        tell("added", code=code, data=data)
        self._linkkit.gateway_login_subdev(self._subdevices)

    def _on_logged_in(self, _id: str, code: int, data: Any, _message: str, _data: Any) -> None:
        tell("logged_in", code=code, data=data)
        for name in self._names:
            self._say_version(name, "1.0.0")

    def _on_logged_out(self, _id: str, code: int, data: Any, _message: str, _data: Any) -> None:
        tell("logged_out", code=code, data=data)
        self._linkkit.gateway_delete_subdev_topo([device[:2] for device in self._subdevices])

    def _on_deleted(self, _id: str, code: int, data: Any, _message: str, _data: Any) -> None:
        tell("deleted", code=code, data=data)

    def _on_message(self, topic: str, payload: bytes, _qos: int, _data: Any) -> None:
        if topic.startswith("/ota/device/upgrade/"):
            name, version = topic.rpartition("/")[2], json.loads(payload)["data"]["version"]
            tell("noticed", name=name, version=version)
            self._say_version(name, version)

    def _say_version(self, name: str, version: str) -> None:
        payload = json.dumps({"id": 1, "params": {"version": version}})
        self._linkkit.publish_topic(f"/ota/device/inform/{self._product}/{name}", payload, 1)


def main() -> None:
    host, port, product_key, device_name, secret, sub_product, product_secret, names = sys.argv[1:9]
    linkkit = LinkKit("cn-shanghai", product_key, device_name, secret)
    linkkit.enable_logger(logging.DEBUG)
    linkkit.config_mqtt(port=int(port), secure="", endpoint=host, check_hostname=False)
    gateway = Gateway(linkkit, sub_product, product_secret, names.split(","))
    linkkit.connect_async()
    for line in sys.stdin:
        if line.strip() == '"leave"':
            gateway.leave()
    linkkit.disconnect()
    linkkit.destruct()


if __name__ == "__main__":
    main()
