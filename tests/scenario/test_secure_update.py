"""Signed packages: what notices carry, and who holds the keys (device-plane reference §2.2, §2.5)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from skyferry.store.tables import products, signing_keys
from skyferry.trust import key_pairs
from tests.scenario.support import Accounts, Fleet
from tests.support import databases
from tests.support.api import items
from tests.support.digestsign import is_signed

NO_PRODUCT = "iot.prod.NotExistedProduct"


def keys(fleet: Fleet) -> list[dict[str, Any]]:
    """The product's keys, newest first."""
    return items(fleet.api.call("ListProductSigningKeys", ProductKey=fleet.product)["Data"], "ProductSigningKey")


def secure(fleet: Fleet, wanted: bool = True) -> None:
    fleet.api.call("UpdateProductSettings", ProductKey=fleet.product, SecureUpdate=wanted)


def offer(fleet: Fleet, name: str, **package: Any) -> Mapping[str, Any]:
    """What a new job for one new device offers it."""
    device = fleet.device(name)
    fleet.job(fleet.package(**package), [device])
    return fleet.connect(device).offer()


@pytest.mark.rule("UpdateProductSettings", "ListProductSigningKeys")
def test_a_product_that_turns_secure_updates_on_has_a_key_and_signs_with_it(fleet: Fleet) -> None:
    assert keys(fleet) == []
    secure(fleet)
    [key] = keys(fleet)
    data = offer(fleet, "device-1", SignMethod="SHA256")

    assert key["Active"]
    assert is_signed(data["digestsign"], data["sign"], key["PublicKey"])
    assert list(data) == ["size", "sign", "version", "url", "signMethod", "md5", "digestsign"]
    secure(fleet)
    assert keys(fleet) == [key]


@pytest.mark.rule("UpdateProductSettings")
def test_only_products_that_want_it_have_signatures_in_their_notices(fleet: Fleet) -> None:
    assert "digestsign" not in offer(fleet, "device-1", version="2.0.0")
    secure(fleet)
    assert "digestsign" in offer(fleet, "device-2", version="3.0.0")
    secure(fleet, wanted=False)
    assert "digestsign" not in offer(fleet, "device-3", version="4.0.0")


@pytest.mark.rule("devices")
def test_each_of_several_files_and_an_answer_to_a_request_are_signed_too(fleet: Fleet) -> None:
    secure(fleet)
    [key] = keys(fleet)
    files = [
        {"Name": name, "Url": fleet.api.upload(content), "Size": len(content)}
        for name, content in (("app", b"application"), ("boot", b"boot loader"))
    ]
    device = fleet.device()
    fleet.job(fleet.package(MultiFiles=files), [device])
    client = fleet.connect(device)

    for data in (client.offer(), client.pull()["data"]):
        assert [file["fileName"] for file in data["files"]] == ["app", "boot"]
        assert all(is_signed(file["digestsign"], file["fileSign"], key["PublicKey"]) for file in data["files"])


@pytest.mark.rule("CreateProductSigningKey", "RotateProductSigningKey", "ListProductSigningKeys")
def test_a_new_key_signs_at_once_and_the_former_stays_listed(fleet: Fleet) -> None:
    first = fleet.api.call("CreateProductSigningKey", ProductKey=fleet.product)["Data"]
    secure(fleet)
    second = fleet.api.call("RotateProductSigningKey", ProductKey=fleet.product)["Data"]
    data = offer(fleet, "device-1")

    assert is_signed(data["digestsign"], data["sign"], second["PublicKey"])
    assert not is_signed(data["digestsign"], data["sign"], first["PublicKey"])
    assert [(key["KeyId"], key["Active"]) for key in keys(fleet)] == [(second["KeyId"], True), (first["KeyId"], False)]
    assert "UtcRetire" in keys(fleet)[1]
    assert "UtcRetire" not in keys(fleet)[0]


@pytest.mark.rule("CreateProductSigningKey", "RotateProductSigningKey")
def test_a_key_may_be_given_and_its_private_part_is_kept_nowhere_to_read(fleet: Fleet, accounts: Accounts) -> None:
    pair = key_pairs.generate()
    given = {"ProductKey": fleet.product, "PrivateKey": pair.private_pem}
    made = fleet.api.call("CreateProductSigningKey", **given)["Data"]

    assert made["PublicKey"] == pair.public_pem
    assert (made["Modulus"], made["Exponent"]) == (key_pairs.modulus(pair.public_pem).hex(), "010001")
    kept = databases.dump(fleet.server.database)
    secret_line = pair.private_pem.splitlines()[3]
    assert secret_line not in kept
    assert secret_line not in fleet.server.logs()
    assert "given" in accounts.command("audit", "--action", "CreateProductSigningKey")


@pytest.mark.rule("CreateProductSigningKey", "RotateProductSigningKey")
def test_keys_come_in_order(fleet: Fleet) -> None:
    product = {"ProductKey": fleet.product}
    assert fleet.api.refusal("RotateProductSigningKey", **product) == "iot.prod.NotExistedSigningKey"
    pair = key_pairs.generate()
    fleet.api.call("CreateProductSigningKey", **product, PrivateKey=pair.private_pem)
    assert fleet.api.refusal("CreateProductSigningKey", **product) == "iot.prod.AlreadyExistedSigningKey"
    again = fleet.api.refusal("RotateProductSigningKey", **product, PrivateKey=pair.private_pem)

    assert again == "iot.prod.InvalidSigningKey"
    assert [key["Active"] for key in keys(fleet)] == [True]


@pytest.mark.rule("CreateProductSigningKey", "RotateProductSigningKey", "ListProductSigningKeys")
def test_what_is_no_key_and_what_is_no_product_is_refused(fleet: Fleet) -> None:
    for action in ("CreateProductSigningKey", "RotateProductSigningKey"):
        told = {"ProductKey": fleet.product, "PrivateKey": "-----BEGIN PRIVATE KEY-----"}
        assert fleet.api.refusal(action, **told) == "iot.prod.InvalidSigningKey"
    for action in ("CreateProductSigningKey", "RotateProductSigningKey", "ListProductSigningKeys"):
        assert fleet.api.refusal(action, ProductKey="a1Unknown00") == NO_PRODUCT
        assert fleet.api.refusal(action, ProductKey=" ") == "iot.prod.NullProductKey"
    assert fleet.api.refusal("UpdateProductSettings", ProductKey="a1Unknown00", SecureUpdate=True) == NO_PRODUCT


@pytest.mark.rule("RotateProductSigningKey")
def test_a_product_has_a_hundred_keys_at_most(fleet: Fleet) -> None:
    fleet.api.call("CreateProductSigningKey", ProductKey=fleet.product)
    with databases.connection(fleet.server.database) as tx:
        product = tx.execute(select(products.c.id).where(products.c.product_key == fleet.product)).scalar_one()
        former: dict[str, Any] = {"product_id": product, "private_sealed": b"", "public_pem": "", "created_at": 0}
        tx.execute(insert(signing_keys), [former | {"key_id": f"former-{n}", "retired_at": 1} for n in range(99)])

    refused = fleet.api.refusal("RotateProductSigningKey", ProductKey=fleet.product)
    assert refused == "iot.prod.SigningKeyCountExceedMax"


@pytest.mark.rule("devices")
def test_the_command_line_makes_rotates_and_exports_keys(fleet: Fleet, accounts: Accounts, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(key_pairs.generate().private_pem)
    command = ("product", "signing-key")
    first = accounts.command(*command, "create", fleet.product).strip()
    second = accounts.command(*command, "rotate", fleet.product, "--key-file", str(file)).strip()

    assert [key["KeyId"] for key in keys(fleet)] == [second, first]
    listed = accounts.command(*command, "list", fleet.product)
    assert first in listed
    assert second in listed
    assert accounts.command(*command, "export", fleet.product) == keys(fleet)[0]["PublicKey"]
    former = accounts.command(*command, "export", fleet.product, "--key", first, "--format", "c")
    assert former == key_pairs.c_source(keys(fleet)[1]["PublicKey"])
    der = tmp_path / "key.der"
    accounts.command(*command, "export", fleet.product, "--format", "der", "--output", str(der))
    assert der.read_bytes() == key_pairs.public_der(keys(fleet)[0]["PublicKey"])


@pytest.mark.rule("devices")
def test_the_command_line_says_what_is_wrong(fleet: Fleet, accounts: Accounts, tmp_path: Path) -> None:
    command = ("product", "signing-key")
    file = tmp_path / "key.pem"
    file.write_text("no key")

    assert "key.pem is an RSA key" in accounts.refused_command(
        *command, "create", fleet.product, "--key-file", str(file)
    )
    absent = accounts.refused_command(*command, "create", fleet.product, "--key-file", str(tmp_path / "absent"))
    assert "absent cannot be read" in absent
    assert "no signing key" in accounts.refused_command(*command, "rotate", fleet.product)
    assert "no such key" in accounts.refused_command(*command, "export", fleet.product)
    assert "does not exist" in accounts.refused_command(*command, "create", "a1Unknown00")
