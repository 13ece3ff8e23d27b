"""A generic MQTT client over WebSocket.

Arguments: host, port, path, client ID, user name, password, file of the authority (empty without TLS), topic.
It connects, subscribes and leaves, and tells each step as a JSON line.
"""

import json
import sys
from typing import Any

from paho.mqtt.client import Client


def tell(event: str, **details: Any) -> None:
    print(json.dumps({"event": event, **details}), flush=True)


def main() -> None:
    host, port, path, client_id, username, password, authority, topic = sys.argv[1:9]
    client = Client(client_id, transport="websockets")
    client.username_pw_set(username, password)
    client.ws_set_options(path=path)
    if authority:
        client.tls_set(authority)

    def on_connect(_client: Client, _data: Any, _flags: Any, code: int) -> None:
        tell("connected", code=code)
        client.subscribe(topic)

    def on_subscribe(_client: Client, _data: Any, _packet_id: int, codes: tuple[int, ...]) -> None:
        tell("subscribed", codes=codes)
        client.disconnect()

    client.on_connect = on_connect
    client.on_subscribe = on_subscribe
    client.connect(host, int(port))
    client.loop_forever()


if __name__ == "__main__":
    main()
