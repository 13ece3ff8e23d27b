"""A server that dies in the middle of changes has a record of each change that it made."""

import itertools
import json
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skyferry.cli import app
from tests.support.api import Application, items, root
from tests.support.server import Server, wait_until

pytestmark = pytest.mark.fault

CALLERS = 8


def make_products(server: Server, name: str, made: list[str], stop: threading.Event) -> None:
    """Makes one product after the other, until the server does not answer any more."""
    application = root(server.http)
    number = 0
    while not stop.is_set():
        number += 1
        try:
            application.create_product(f"{name}_{number}")
        except Exception:  # noqa: BLE001 - whatever the SDK makes of a server that is gone
            return
        made.append(f"{name}_{number}")


def products(application: Application) -> set[str]:
    """The names of all products."""
    names: set[str] = set()
    for page in itertools.count(1):
        answer = application.call("QueryProductList", CurrentPage=page, PageSize=200)["Data"]
        names |= {row["ProductName"] for row in items(answer["List"], "ProductInfo")}
        if page >= answer["PageCount"]:
            break
    return names


def trail(server: Server) -> dict[str, str]:
    """Which products were to be made, and how it ended."""
    runner = CliRunner(env=server.command_environment())
    printed = runner.invoke(app, ["audit", "--json", "--limit", "100000", "--action", "CreateProduct"]).stdout
    found = map(json.loads, printed.splitlines())
    return {record["parameters"]["ProductName"]: record["outcome"] for record in found}


def test_kill_between_a_change_and_its_answer(tmp_path: Path) -> None:
    quotas = {"SKYFERRY_QUOTAS": json.dumps({"CreateProduct": 10_000})}
    with Server(tmp_path / "server", quotas) as server:
        stop, made = threading.Event(), list[str]()
        arguments = [(server, f"p{number}", made, stop) for number in range(CALLERS)]
        callers = [threading.Thread(target=make_products, args=given) for given in arguments]
        for caller in callers:
            caller.start()
        wait_until(lambda: len(made) >= 5 * CALLERS, what="some products")
        server.kill()
        stop.set()
        for caller in callers:
            caller.join()
        answered = set(made)
        server.start()

        there, recorded = products(root(server.http)), trail(server)

    assert answered <= there
    assert there <= set(recorded), "a change without a record"
    assert {name for name, outcome in recorded.items() if outcome == "OK"} <= there
    assert {recorded[name] for name in answered} == {"OK"}
    assert set(recorded.values()) <= {"OK", "BEGUN"}
