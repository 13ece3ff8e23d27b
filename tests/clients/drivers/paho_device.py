"""A generic MQTT client as a device, with an update of its own make.

Arguments: host, port, version of MQTT (3.1 or 3.1.1), client ID, user name, password, `ProductKey/DeviceName`. It
connects, subscribes, reports version 1.0.0, downloads what it is told to and reports the new version. It tells each
step as a JSON line, and leaves when its input ends.
"""

import hashlib
import json
import sys
import urllib.request
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv31, MQTTv311

_VERSIONS = {"3.1": MQTTv31, "3.1.1": MQTTv311}


def tell(event: str, **details: Any) -> None:
    print(json.dumps({"event": event, **details}), flush=True)


def main() -> None:
    host, port, version, client_id, username, password, own = sys.argv[1:8]
    client = Client(client_id, protocol=_VERSIONS[version])
    client.username_pw_set(username, password)

    def report(running: str) -> None:
        message = {"id": "1", "params": {"version": running}}
        client.publish(f"/ota/device/inform/{own}", json.dumps(message), qos=1)

    def on_connect(_client: Client, _data: Any, _flags: Any, code: int) -> None:
        tell("connected", code=code)
        client.subscribe(f"/ota/device/upgrade/{own}", qos=1)

    def on_subscribe(_client: Client, _data: Any, _packet_id: int, codes: tuple[int, ...]) -> None:
        tell("subscribed", codes=codes)
        report("1.0.0")

    def on_message(_client: Client, _data: Any, message: MQTTMessage) -> None:
        offer = json.loads(message.payload)["data"]
        with urllib.request.urlopen(offer["url"], timeout=30) as response:
            content = response.read()
        tell("downloaded", matches=hashlib.md5(content).hexdigest() == offer["md5"], size=len(content))
        report(offer["version"])

    client.on_connect = on_connect
    client.on_subscribe = on_subscribe
    client.on_message = on_message
    client.connect(host, int(port))
    client.loop_start()
    sys.stdin.read()
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main()
