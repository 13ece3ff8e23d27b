"""How to play a device that is not there yet: the lines that do it in a shell."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skyferry.console.page import Page


def shell_lines(page: Page, device: Mapping[str, Any]) -> tuple[str, str]:
    """Two lines for a shell: the first writes the file of devices, the second starts the simulator.

    Args:
        page: whose host devices connect to as well.
        device: as the API tells it, with its secret.
    """
    host, port = page.request.url.host or "localhost", page.console.mqtt_port
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    named = ",".join(device[name] for name in ("ProductKey", "DeviceName", "DeviceSecret"))
    return (
        f"printf 'product_key,device_name,device_secret\\n{named}\\n' > devices.csv",
        f"{_program()} device simulate --mqtt {address} --devices devices.csv",
    )


def _program() -> str:
    """The command as this server was started, for who goes on in the same place: `.venv/bin/skyferry`."""
    started_by = Path(sys.argv[0])
    return shlex.quote(str(started_by)) if started_by.name == "skyferry" else "skyferry"
