"""Names of targets lead to the one file that they mean, whatever packages and files are called."""

import posixpath
import re
from urllib.parse import urljoin

from hypothesis import given
from hypothesis import strategies as st

from skyferry.fleet import names
from skyferry.ota.states import PackageStatus
from skyferry.store import tuf as statements
from skyferry.store.tuf import ListedFile
from skyferry.trust.tuf.targets import listed, name_of

words = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
file_names = st.none() | st.text(min_size=1, max_size=32).filter(lambda text: "\n" not in text)


def file(module: str = "default", version: str = "1.0.0", name: str | None = None, position: int = 0) -> ListedFile:
    key = f"ota/{'a' * 32}/{'b' * 25}.tar.gz"
    return ListedFile("id", module, version, None, 0, position, name, key, 1, "0" * 64)


files = st.builds(file, words, words, file_names, st.integers(0, 19))


@given(files)
def test_a_name_stays_where_it_is_in_every_url_and_path(made: ListedFile) -> None:
    name = name_of(made)

    assert re.fullmatch(r"[A-Za-z0-9._~-]+/[A-Za-z0-9._~-]+/\d+-[A-Za-z0-9._-]+", name)
    assert posixpath.normpath(name) == name
    assert urljoin("http://ota.test/targets/", name) == f"http://ota.test/targets/{name}"


@given(files, files)
def test_two_files_have_two_names(first: ListedFile, second: ListedFile) -> None:
    places = [(made.module, made.dest_version, made.position) for made in (first, second)]
    assert (name_of(first) == name_of(second)) <= (places[0] == places[1])


def test_names_say_what_they_are_of() -> None:
    assert name_of(file()) == "default/1.0.0/0-package.tar.gz"
    assert name_of(file("..", ".", "../x", 3)) == "~../~./3-.._x"
    assert not names.is_version("~")


def test_a_target_tells_its_package() -> None:
    target = listed([file("MCU", "2.0.0")])["MCU/2.0.0/0-package.tar.gz"]

    assert (target.length, target.hashes) == (1, {"sha256": "0" * 64})
    assert target.custom == {"FirmwareId": "id", "ModuleName": "MCU", "DestVersion": "2.0.0", "Type": 0}


def test_what_is_listed_is_what_jobs_may_be_made_for() -> None:
    assert {status for status in PackageStatus if status.may_upgrade} == set(statements.USABLE)
