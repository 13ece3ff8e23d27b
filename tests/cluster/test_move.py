"""`skyferry db move` as an operator uses it: between two starts of a server."""

import os
import subprocess
from pathlib import Path

from tests.scenario.support import ScriptedDevice
from tests.support.api import root
from tests.support.device import download
from tests.support.postgresql import PostgresqlServer
from tests.support.program import skyferry
from tests.support.server import Server

CONTENT = bytes(range(256)) * 100


def test_a_server_goes_on_where_it_was(tmp_path: Path) -> None:
    """Devices log in with the secrets they have; what was pushed before the move is updated after it."""
    here = Server(tmp_path)
    here.settings.pop("SKYFERRY_DATABASE", None)
    with here, PostgresqlServer() as postgresql:
        url = postgresql.url()
        api = root(here.http)
        product = api.create_product("moving")
        busy, late = api.register(product, "busy"), api.register(product, "late")
        for device in (busy, late):
            with ScriptedDevice(here.mqtt, device) as client:
                client.say_version("1.0.0")
        job = api.create_job(api.create_package(product, CONTENT, "2.0.0", NeedToVerify=False), product)
        with ScriptedDevice(here.mqtt, busy) as client:
            client.say_version("1.0.0")
            notice = client.wait_for_notice()
            client.say_progress(50)
        here.stop()
        command = skyferry("db", "move", str(here.data), "--database", url)
        subprocess.run(command, check=True, timeout=120, env=dict(os.environ))

        here.settings["SKYFERRY_DATABASE"] = url
        here.start()
        assert api.states(job) == {"busy": "IN_PROGRESS", "late": "QUEUED"}
        assert download(notice) == CONTENT
        with ScriptedDevice(here.mqtt, busy) as client, ScriptedDevice(here.mqtt, late) as other:
            client.say_version("2.0.0")
            other.say_version("1.0.0")
            assert download(other.wait_for_notice()) == CONTENT
            other.say_version("2.0.0")
        assert api.job_status(job) == "COMPLETED"
        assert api.states(job) == {"busy": "SUCCEEDED", "late": "SUCCEEDED"}
        here.stop()
