"""A device on the vendor's Python device SDK that knows its product's secret only, in an environment of its own.

Arguments: kind (register, regnwl or https), host, MQTT port, base URL for HTTPS, a file with the CA's certificate (or
nothing for a connection in clear), ProductKey, DeviceName, ProductSecret. It registers, logs in with what it got, tells
each step as a JSON line, and leaves when its input ends.
"""

import json
import logging
import queue
import ssl
import sys
import urllib.request
from pathlib import Path
from typing import Any

from linkkit.linkkit import LinkKit

_HOST = "https://iot-auth.cn-shanghai.aliyuncs.com"
_PATIENCE_SECONDS = 20


def tell(event: str, **details: Any) -> None:
    print(json.dumps({"event": event, **details}), flush=True)


def lead_to(base: str, authority: str | None) -> None:
    """The SDK has the host of the platform built in: its requests go here instead."""
    opened = urllib.request.urlopen

    def urlopen(url: str, data: bytes, context: ssl.SSLContext) -> Any:
        context.check_hostname = False
        target = url.replace(_HOST, base)
        return opened(target, data, context=context if authority else None)

    urllib.request.urlopen = urlopen  # type: ignore[assignment]


def main() -> None:
    kind, host, port, base, authority_file, product_key, device_name, product_secret = sys.argv[1:9]
    authority = Path(authority_file).read_text() if authority_file else None
    lead_to(base, authority)
    got: queue.Queue[dict[str, Any]] = queue.Queue()

    def device(*, registers: bool, **known: Any) -> LinkKit:
        made = LinkKit("cn-shanghai", product_key, device_name, known.pop("device_secret", None), **known)
        made.enable_logger(logging.DEBUG)
        secure = "TLS" if authority else ""
        made.config_mqtt(port=int(port), secure=secure, cadata=authority, endpoint=host, check_hostname=False)
        if not registers or kind == "https":
            made.on_connect = lambda _flag, code, _data: tell("connected", code=code)
        return made

    def on_registered(code: int, secret: str | None, _data: Any) -> None:
        tell("registered", code=code, secret=secret)
        got.put({"device_secret": secret})

    def on_token(code: int, client_id: str | None, username: str | None, password: str | None) -> None:
        tell("registered", code=code, token=password)
        got.put({"client_id": client_id, "username": username, "password": password})

    registering = device(registers=True, product_secret=product_secret, auth_type=None if kind == "https" else kind)
    registering.on_device_dynamic_register = on_registered
    registering.on_device_dynamic_register_nwl_reply = on_token
    registering.connect_async()
    known = got.get(timeout=_PATIENCE_SECONDS)
    last = registering
    if kind != "https" and all(known.values()):  # over HTTPS the SDK goes on by itself
        last = device(registers=False, **known)
        last.connect_async()
    sys.stdin.read()
    last.disconnect()
    last.destruct()


if __name__ == "__main__":
    main()
