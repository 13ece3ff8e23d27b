"""A device on the vendor's Python device SDK, in an environment of its own.

Arguments: host, port, a file with the CA's certificate (or nothing for a connection in clear), ProductKey, DeviceName,
DeviceSecret, version, file to download to. It connects, reports its version, installs what it is told to and reports
the new version. It tells each step as a JSON line, and leaves when its input ends.
"""

import json
import logging
import sys
from pathlib import Path
from typing import Any

from linkkit.linkkit import LinkKit

_PUSHED = 1


def tell(event: str, **details: Any) -> None:
    print(json.dumps({"event": event, **details}), flush=True)


def main() -> None:
    host, port, authority, product_key, device_name, secret, version, target = sys.argv[1:9]
    device = LinkKit("cn-shanghai", product_key, device_name, secret)
    device.enable_logger(logging.DEBUG)
    trusted = Path(authority).read_text() if authority else None
    secure = "TLS" if authority else ""
    device.config_mqtt(port=int(port), secure=secure, cadata=trusted, endpoint=host, check_hostname=bool(authority))

    def on_connect(_flag: int, code: int, _data: Any) -> None:
        tell("connected", code=code)
        device.ota_report_version(None, version)

    def on_notice(*notice: Any) -> None:
        kind, wanted, size, url, sign_method, sign, module, extra = notice
        tell("noticed", pushed=kind == _PUSHED, version=wanted, size=size, module=module, extra=extra)
        outcome = device.download_ota_firmware(url, target, sign_method, sign)
        tell("downloaded", matches=outcome == LinkKit.ErrorCode.SUCCESS)
        device.ota_report_version(module, wanted)
        tell("reported", version=wanted)

    device.on_connect = on_connect
    device.on_ota_message_arrived = on_notice
    device.connect_async()
    sys.stdin.read()
    device.disconnect()
    device.destruct()


if __name__ == "__main__":
    main()
