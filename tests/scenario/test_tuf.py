"""A TUF client follows a product's packages, and is not misled by whoever changes what is published."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select, update
from tuf.api import exceptions

from skyferry.store.tables import products, tuf_metadata, tuf_repositories
from tests.scenario.support import Accounts, Fleet
from tests.support import databases
from tests.support.server import wait_until
from tests.support.tuf import TufClient, custom_of

pytestmark = pytest.mark.rule("QueryTufRepository")

FIRMWARE = b"new firmware"  # what the fleet's packages hold


@dataclass(frozen=True)
class Repository:
    """A product's repository, its command line, and a directory for files."""

    fleet: Fleet
    accounts: Accounts
    directory: Path

    def run(self, action: str, *arguments: str) -> str:
        """`skyferry tuf ACTION PRODUCT …`."""
        return self.accounts.command("tuf", action, self.fleet.product, *arguments)

    def refused(self, action: str, *arguments: str) -> str:
        """The sentence with which a command is refused."""
        return self.accounts.refused_command("tuf", action, self.fleet.product, *arguments)

    def key(self, name: str) -> Path:
        """A key pair that the server never sees the private part of."""
        file = self.directory / name
        self.accounts.command("tuf", "key", str(file))
        return file

    def sign(self, file: Path, *keys: Path) -> None:
        """Signs outside."""
        self.accounts.command("tuf", "sign", str(file), *(word for key in keys for word in ("--key", str(key))))

    def export(self, role: str, name: str) -> Path:
        """The next version of a role, in a file."""
        file = self.directory / name
        self.run("export", role, "--output", str(file))
        return file

    def told(self) -> Mapping[str, Any]:
        """QueryTufRepository."""
        data: Mapping[str, Any] = self.fleet.api.call("QueryTufRepository", ProductKey=self.fleet.product)["Data"]
        return data

    def version(self, role: str) -> int:
        """The newest version of a role; 0 when there is none."""
        found = {item["Role"]: int(item["Version"]) for item in self.told()["Roles"]["TufRole"]}
        return found.get(role, 0)

    def wait_for(self, role: str, version: int) -> None:
        """Waits until the worker has published a version."""
        wait_until(lambda: self.version(role) >= version, interval=0.05, what=f"{role} {version}")

    def client(self, name: str = "client") -> TufClient:
        """A client that begins with the first root."""
        told = self.told()
        root = requests.get(f"{told['MetadataUrl']}/1.root.json", timeout=30)
        assert root.status_code == 200
        return TufClient(self.directory / name, told["MetadataUrl"], told["TargetsUrl"], root.content)

    def tamper(self, body: bytes, role: str, version: int) -> None:
        """Changes what is published, as one who has the database but no keys."""
        with databases.connection(self.fleet.server.database) as tx:
            product = select(products.c.id).where(products.c.product_key == self.fleet.product).scalar_subquery()
            statement = update(tuf_metadata).where(tuf_metadata.c.product_id == product, tuf_metadata.c.role == role)
            assert tx.execute(statement.where(tuf_metadata.c.version == version).values(body=body)).rowcount > 0

    def body(self, role: str, version: int) -> bytes:
        """A published file."""
        name = "timestamp" if role == "timestamp" else f"{version}.{role}"
        return requests.get(f"{self.told()['MetadataUrl']}/{name}.json", timeout=30).content


@pytest.fixture
def empty(fleet: Fleet, accounts: Accounts, tmp_path: Path) -> Repository:
    """A product without a repository."""
    return Repository(fleet, accounts, tmp_path)


@pytest.fixture
def repository(empty: Repository) -> Repository:
    """A repository whose keys are all kept by the server, with one package."""
    empty.fleet.package("2.0.0")
    empty.run("init")
    empty.wait_for("timestamp", 1)
    return empty


def test_a_client_gets_from_the_root_to_a_package(repository: Repository) -> None:
    client = repository.client()

    assert client.download("default/2.0.0/0-package.bin") == FIRMWARE
    custom = custom_of(client.target("default/2.0.0/0-package.bin"))
    assert (custom["ModuleName"], custom["DestVersion"], custom["Type"]) == ("default", "2.0.0", 0)
    assert {role["Role"]: role["Online"] for role in repository.told()["Roles"]["TufRole"]} == dict.fromkeys(
        ("root", "targets", "snapshot", "timestamp"), True
    )


def test_packages_appear_when_jobs_may_be_made_for_them_and_vanish_with_them(repository: Repository) -> None:
    fleet, client = repository.fleet, repository.client()
    device = fleet.device("device-1")
    unverified = fleet.package("3.0.0", NeedToVerify=True)
    fleet.package("4.0.0", ModuleName="MCU")
    repository.wait_for("targets", 2)
    assert client.target("MCU/4.0.0/0-package.bin") is not None
    assert client.target("default/3.0.0/0-package.bin") is None

    fleet.verification(unverified, [device])
    connected = fleet.connect(device)
    connected.push()
    connected.say_version("3.0.0")
    wait_until(lambda: client.target("default/3.0.0/0-package.bin") is not None, interval=0.1, what="the package")

    fleet.api.call("DeleteOTAFirmware", FirmwareId=unverified)
    wait_until(lambda: client.target("default/3.0.0/0-package.bin") is None, interval=0.1, what="no package")


def test_each_file_of_several_is_a_target(repository: Repository) -> None:
    fleet, client = repository.fleet, repository.client()
    files = [
        {"Name": name, "Url": fleet.api.upload(content), "Size": len(content)}
        for name, content in (("app image", b"application"), ("app/image", b"boot loader"))
    ]
    fleet.package("3.0.0", MultiFiles=files)
    repository.wait_for("targets", 2)

    assert client.download("default/3.0.0/0-app_image") == b"application"
    assert client.download("default/3.0.0/1-app_image") == b"boot loader"


def test_nothing_is_signed_while_nothing_changes(repository: Repository) -> None:
    fleet = repository.fleet
    before = repository.told()["Roles"]
    fleet.api.call("UpdateProduct", ProductKey=fleet.product, ProductName=f"renamed_{fleet.product[:8]}")
    other = fleet.api.create_product(f"other_{fleet.product[:8]}")
    fleet.api.create_package(other, b"of another product", "9.0.0")

    repository.fleet.package("3.0.0", NeedToVerify=True)
    wait_until(lambda: due(repository) is not None, interval=0.05, what="the worker's look")
    assert repository.told()["Roles"] == before


def due(repository: Repository) -> int | None:
    """When the worker looks next; None while it should look now."""
    with databases.connection(repository.fleet.server.database) as tx:
        statement = select(tuf_repositories.c.due_at).join(products)
        due_at = tx.execute(statement.where(products.c.product_key == repository.fleet.product)).scalar_one()
    return int(due_at) if due_at > time.time() * 1_000 else None


def test_packages_are_for_those_with_a_url_and_metadata_for_everyone(repository: Repository) -> None:
    told = repository.told()
    info = repository.client().target("default/2.0.0/0-package.bin")
    assert info is not None
    path = f"default/2.0.0/{info.hashes['sha256']}.0-package.bin"
    base, _, grant = told["TargetsUrl"].rpartition("/")

    def status(url: str) -> int:
        return requests.get(url, timeout=30).status_code

    assert status(f"{told['TargetsUrl']}/{path}") == 200
    expires, _, signature = grant.partition(".")
    for wrong in (f"{expires}.{signature[::-1]}", f"{int(expires) + 1}.{signature}", f"1.{signature}", "x", expires):
        assert status(f"{base}/{wrong}/{path}") == 403
    elsewhere = base.replace(repository.fleet.product, "a1Unknown00")
    assert status(f"{elsewhere}/{grant}/{path}") == 403
    for missing in ("default/2.0.0/0-package.bin", f"{'0' * 64}.bin", f"..%2F{'0' * 64}.bin"):
        assert status(f"{told['TargetsUrl']}/{missing}") == 404
    for name in ("2.root.json", "root.json", "1.timestamp.json", "0.root.json", "1.delegated.json", "..%2Fx"):
        assert status(f"{told['MetadataUrl']}/{name}") == 404


def test_metadata_that_stays_may_be_kept_and_the_timestamp_is_asked_for_again(repository: Repository) -> None:
    url = repository.told()["MetadataUrl"]
    root, timestamp = (requests.get(f"{url}/{name}.json", timeout=30).headers for name in ("1.root", "timestamp"))

    assert root["Cache-Control"] == "public, max-age=31536000, immutable"
    assert timestamp["Cache-Control"] == "no-cache"


def changed(body: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """Metadata with another content and the former signatures."""
    document = json.loads(body)
    change(document["signed"])
    return json.dumps(document).encode()


def test_an_older_timestamp_is_refused(repository: Repository) -> None:
    former = repository.body("timestamp", 1)
    repository.fleet.package("3.0.0")
    repository.wait_for("timestamp", 2)
    client = repository.client()
    client.refresh()
    repository.tamper(former, "timestamp", 2)

    with pytest.raises(exceptions.BadVersionNumberError):
        client.refresh()


def test_an_older_snapshot_and_an_older_list_are_refused(repository: Repository) -> None:
    former = {role: repository.body(role, 1) for role in ("snapshot", "targets")}
    repository.fleet.package("3.0.0")
    repository.wait_for("timestamp", 2)
    current = {role: repository.body(role, 2) for role in former}
    for role, body in former.items():
        repository.tamper(body, role, 2)
        with pytest.raises(exceptions.RepositoryError):
            repository.client(f"client-{role}").refresh()
        repository.tamper(current[role], role, 2)
    repository.client("after").refresh()


def test_metadata_with_a_changed_content_or_a_strange_key_is_refused(repository: Repository) -> None:
    right = repository.body("targets", 1)

    def lie(signed: dict[str, Any]) -> None:
        signed["targets"]["default/2.0.0/0-package.bin"]["hashes"]["sha256"] = "0" * 64

    strange = repository.directory / "strange.json"
    document = json.loads(right)
    document["signatures"] = []
    strange.write_text(json.dumps(document))
    repository.sign(strange, repository.key("strange.pem"))
    clients = [repository.client(f"client-{number}") for number in range(3)]
    for client, wrong in zip(clients, (changed(right, lie), strange.read_bytes(), b"{}"), strict=True):
        repository.tamper(wrong, "targets", 1)
        with pytest.raises((exceptions.RepositoryError, exceptions.DownloadError)):
            client.refresh()


def test_a_client_notices_that_news_is_held_back(repository: Repository) -> None:
    """A timestamp is valid for a day: whoever shows an old one for longer is found out."""

    def end(signed: dict[str, Any]) -> None:
        signed["expires"] = "2020-01-01T00:00:00Z"

    repository.tamper(changed(repository.body("timestamp", 1), end), "timestamp", 1)
    with pytest.raises(exceptions.RepositoryError):
        repository.client().refresh()


def test_a_package_that_was_changed_on_its_way_is_refused(repository: Repository) -> None:
    content = b"what I have uploaded"
    url = repository.fleet.api.upload(content)
    repository.fleet.package("3.0.0", FirmwareUrl=url)
    repository.wait_for("targets", 2)
    client = repository.client()
    assert client.download("default/3.0.0/0-package.bin") == content
    stored = (path for path in (repository.fleet.server.data / "objects").rglob("*") if path.is_file())
    [file] = [path for path in stored if path.read_bytes() == content]
    file.write_bytes(content[::-1])

    with pytest.raises(exceptions.RepositoryError):
        client.download("default/3.0.0/0-package.bin")


def test_a_client_follows_new_keys_of_every_role(repository: Repository) -> None:
    client = repository.client()
    client.refresh()
    for number, role in enumerate(("timestamp", "snapshot", "targets", "root"), 2):
        before = repository.version("timestamp")
        assert repository.run("rotate", role) == "Published.\n"
        assert repository.version("root") == number
        if role != "root":
            repository.wait_for("timestamp", before + 1)
        assert client.download("default/2.0.0/0-package.bin") == FIRMWARE


def test_root_and_list_are_signed_outside_from_the_beginning_to_new_keys(empty: Repository) -> None:
    """Two of two root keys and one of targets, of which the server never has a private part."""
    first, second, targets = (empty.key(name) for name in ("first.pem", "second.pem", "targets.pem"))
    empty.fleet.package("2.0.0")
    root = empty.directory / "root-1.json"
    empty.run(
        "init",
        *("--root-key", f"{first}.pub", "--root-key", f"{second}.pub", "--root-threshold", "2"),
        *("--targets-key", f"{targets}.pub", "--output", str(root)),
    )
    assert "never imported" in empty.refused("export", "targets")
    empty.sign(root, first)
    assert "2 of the 2 keys of root 1" in empty.refused("import", str(root))
    empty.sign(root, second)
    assert empty.run("import", str(root)) == "Published: root 1.\n"
    assert "export targets" in empty.run("show")

    listed = empty.export("targets", "targets-1.json")
    assert "keys of targets" in empty.refused("import", str(listed))
    empty.sign(listed, targets)
    assert empty.run("import", str(listed)) == "Published: targets 1.\n"
    empty.wait_for("timestamp", 1)
    client = empty.client()
    assert client.download("default/2.0.0/0-package.bin") == FIRMWARE
    assert {role["Role"] for role in empty.told()["Roles"]["TufRole"] if not role["Online"]} == {"root", "targets"}

    empty.fleet.package("3.0.0")
    wait_until(lambda: empty.told()["TargetsWait"], interval=0.05, what="the list that waits")
    assert client.target("default/3.0.0/0-package.bin") is None
    assert "version 2 comes next" in empty.refused("import", str(listed))
    listed = empty.export("targets", "targets-2.json")
    empty.sign(listed, targets)
    empty.run("import", str(listed))
    empty.wait_for("timestamp", 2)
    assert client.target("default/3.0.0/0-package.bin") is not None

    third, following = empty.key("third.pem"), empty.directory / "root-2.json"
    empty.run("rotate", "root", "--key", f"{third}.pub", "--output", str(following))
    empty.sign(following, third)
    assert "2 of the 2 keys of root 1" in empty.refused("import", str(following))
    empty.sign(following, first, second)
    assert empty.run("import", str(following)) == "Published: root 2.\n"
    client.refresh()
    assert client.updater().get_targetinfo("default/3.0.0/0-package.bin") is not None
    kept = databases.dump(empty.fleet.server.database)
    assert not any(key.read_text().splitlines()[1] in kept for key in (first, second, third, targets))


def test_a_list_that_names_what_is_no_package_is_not_published(empty: Repository) -> None:
    key = empty.key("targets.pem")
    empty.run("init", "--targets-key", f"{key}.pub")
    firmware = empty.fleet.package("2.0.0")
    listed = empty.export("targets", "targets.json")
    empty.sign(listed, key)
    empty.fleet.api.call("DeleteOTAFirmware", FirmwareId=firmware)

    assert "default/2.0.0/0-package.bin is no file of a package" in empty.refused("import", str(listed))


def test_the_command_line_says_what_is_wrong(empty: Repository) -> None:
    key = empty.key("key.pem")
    for command in (["show"], ["export", "root"], ["rotate", "root", "--output", f"{key}.out"], ["import", str(key)]):
        assert "no TUF repository" in empty.refused(*command)
    assert "no public Ed25519 key" in empty.refused("init", "--root-key", str(key))
    assert "cannot be read" in empty.refused("init", "--root-key", f"{key}.absent")
    assert "threshold of targets" in empty.refused("init", "--targets-threshold", "2")
    assert "exists already" in empty.refused("init", "--root-key", f"{key}.pub", "--output", str(key))
    assert "exists already" in empty.accounts.refused_command("tuf", "key", str(key))
    empty.run("init")
    assert "has a TUF repository" in empty.refused("init")
    assert "no TUF metadata" in empty.refused("import", str(key))
    online = empty.refused("rotate", "snapshot", "--key", f"{key}.pub", "--output", f"{key}.out")
    assert "signed by the server" in online
    root = empty.export("root", "root-2.json")
    wrong = empty.accounts.refused_command("tuf", "sign", str(root), "--key", f"{key}.pub")
    assert "no private Ed25519 key" in wrong


def test_what_people_did_is_written_down(empty: Repository) -> None:
    empty.run("init")
    empty.run("rotate", "timestamp")

    for action in ("tuf init", "tuf rotate"):
        assert empty.fleet.product in empty.accounts.command("audit", "--action", action)


def test_a_product_without_a_repository_publishes_nothing(empty: Repository) -> None:
    api = empty.fleet.api
    assert api.refusal("QueryTufRepository", ProductKey=empty.fleet.product) == "iot.prod.NotExistedTufRepository"
    assert api.refusal("QueryTufRepository", ProductKey="a1Unknown00") == "iot.prod.NotExistedProduct"
    assert api.refusal("QueryTufRepository", ProductKey=" ") == "iot.prod.NullProductKey"
    url = f"http://{empty.fleet.server.http}/tuf/{empty.fleet.product}/metadata/1.root.json"
    assert requests.get(url, timeout=30).status_code == 404


def test_a_deleted_product_publishes_nothing(repository: Repository) -> None:
    told = repository.told()
    repository.fleet.api.call("DeleteProduct", ProductKey=repository.fleet.product)

    assert requests.get(f"{told['MetadataUrl']}/1.root.json", timeout=30).status_code == 404
