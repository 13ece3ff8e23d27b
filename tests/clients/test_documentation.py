"""The examples of the documentation run as they stand, but for the server's address and key."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api import Application, items, root
from tests.support.program import PROJECT, skyferry
from tests.support.server import ROOT_KEY_ID, ROOT_SECRET, Server, wait_until

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def simulators() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Running programs; they end with the test."""
    running: list[subprocess.Popen[bytes]] = []
    yield running
    for process in running:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("document", ["README.md", "docs/guide/getting-started.md"])
def test_examples_run(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, simulators: list[subprocess.Popen[bytes]]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}

    with Server(tmp_path / "server", empty=True) as server:
        application = root(server.http)
        for language, text in _BLOCK.findall((PROJECT / document).read_text()):
            if language == "python":
                exec(adapted(text, server), names)
            elif "device simulate" in text:
                arguments = adapted(text, server).split()[1:]
                simulators.append(subprocess.Popen(skyferry(*arguments), stdout=subprocess.DEVNULL))
                wait_until(lambda: kitchen_version(application) == "1.0.0", what="the simulated device")

    assert "client" in names


def adapted(text: str, server: Server) -> str:
    """The example with this server's address and key."""
    for written, meant in {
        "127.0.0.1:8080": str(server.http),
        "127.0.0.1:1883": str(server.mqtt),
        "my-key": ROOT_KEY_ID,
        "my-secret": ROOT_SECRET,
    }.items():
        text = text.replace(written, meant)
    return text


def kitchen_version(application: Application) -> str:
    """What the device of the guide runs."""
    products = application.call("QueryProductList", CurrentPage=1, PageSize=10)["Data"]["List"]
    key = items(products, "ProductInfo")[0]["ProductKey"]
    detail = application.call("QueryDeviceDetail", ProductKey=key, DeviceName="kitchen")["Data"]
    return str(detail.get("FirmwareVersion") or "")
