"""The upgrade notice in the form that parsers in the field take (device-plane reference §2.2-2.5, §7)."""

import json
import re
from typing import Any

from skyferry.bus.messages import NoticeKind
from skyferry.fleet import product_settings
from skyferry.fleet.product_settings import ChangedSettings
from skyferry.ota.models import NewFile
from skyferry.trust import key_pairs, signing_keys
from tests.support.rows import World


def push(world: World, **values: Any) -> bytes:
    """The push of a package to a device that is online."""
    options = {name: values.pop(name) for name in ("tags",) if name in values}
    device = world.make_device("dev0", module=values.get("module", "default"))
    world.connect(device)
    world.make_job(world.make_package(**values), **options)
    [notice] = world.dispatch()
    assert notice.kind is NoticeKind.PUSH
    return notice.payload


def test_a_push_is_compact_and_has_the_documented_fields_in_their_order(world: World) -> None:
    payload = push(world, sign_method="SHA256")
    message = json.loads(payload)
    assert list(message) == ["code", "data", "id", "message"]
    assert (message["code"], message["id"], message["message"]) == ("1000", world.now, "success")
    data = message["data"]
    assert list(data) == ["size", "sign", "version", "url", "signMethod", "md5"]
    assert (data["size"], data["signMethod"], len(data["sign"]), len(data["md5"])) == (1_000, "SHA256", 64, 32)
    assert b'": ' not in payload
    assert b", " not in payload
    assert b"\\" not in payload


def test_md5_is_written_as_devices_expect_it(world: World) -> None:
    data = json.loads(push(world))["data"]
    assert data["signMethod"] == "Md5"
    assert data["sign"] == data["md5"]


def test_the_url_is_short_and_has_nothing_to_escape(world: World) -> None:
    url = json.loads(push(world))["data"]["url"]
    assert len(url) <= 256
    assert re.fullmatch(r"http://ota\.test/[A-Za-z0-9/._?=&-]+", url)


def test_module_difference_tags_and_custom_information_are_told_in_the_end(world: World) -> None:
    payload = push(world, module="mcu", type=1, src_version="1.0.0", udi='{"键":1}', tags={"site": "上海"})
    data = json.loads(payload)["data"]
    assert (data["module"], data["isDiff"]) == ("mcu", 1)
    assert data["extData"] == {"site": "上海", "_package_udi": '{"键":1}'}
    assert list(data)[-1] == "extData"
    assert "上海".encode() in payload


def test_several_files_come_as_a_list_and_a_single_one_never_does(world: World) -> None:
    files = [NewFile(url=world.make_object(), name=name) for name in ("app", "boot")]
    data = json.loads(push(world, files=files))["data"]
    assert [file["fileName"] for file in data["files"]] == ["app", "boot"]
    assert set(data["files"][0]) == {"fileSize", "fileName", "fileUrl", "fileMd5", "fileSign"}
    assert not {"url", "size", "sign"} & set(data)


def test_a_list_of_one_file_is_told_in_the_flat_form(world: World) -> None:
    data = json.loads(push(world, files=[NewFile(url=world.make_object(), name="app")]))["data"]
    assert "files" not in data
    assert "url" in data


def test_a_signed_push_is_short_and_what_it_adds_comes_behind_what_parsers_search(world: World) -> None:
    signing_keys.create(world.tx, world.product, key_pairs.generate(), box=world.box, now=world.now)
    product_settings.change(
        world.tx, world.instance.id, world.product.product_key, ChangedSettings(secure_update=True), now=world.now
    )
    payload = push(world, name="p", version="2" * 64, sign_method="SHA256", module="m" * 64, tags={"t" * 30: "v" * 512})
    text = payload.decode()

    assert len(payload) < 2_048
    assert text.count('"sign":') == text.count('"digestsign":') == 1
    assert text.index('sign":') == text.index('"sign":') + 1
    assert b"\\" not in payload
