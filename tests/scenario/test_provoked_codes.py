"""Every error that a caller can provoke is provoked by a scenario, with a sentence to act on (control-plane §8).

It is the last of the scenarios, and looks at what all of them have seen.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from docs.generate.errors import business_kinds
from skyferry import error_codes
from skyferry.errors import ErrorKind
from tests.support import answered

ELSEWHERE: Final = {
    "iot.prod.ProductCountExceedMax": "tests/unit/fleet/test_products.py",
    "iot.group.BindGroupRelationFailed": "tests/unit/fleet/test_memberships.py",
}
"""Errors that take a scenario too many calls (1,000 products, 20,000 devices): where a unit test provokes them."""

PROJECT: Final = Path(__file__).parents[2]
_SENTENCE: Final = re.compile(r"[A-Z].*[a-z].* .*\S")
_INTERNAL: Final = re.compile(r"\bNone\b(?! of)|Traceback|object at 0x|[a-z]+_[a-z_]+\(|skyferry\.")


@pytest.fixture
def everything(request: pytest.FixtureRequest) -> Mapping[str, set[str]]:
    """What all scenarios have seen, when all have run."""
    run = {item.path for item in request.session.items}
    options = request.config.option
    if options.keyword or options.markexpr or not run >= set(Path(__file__).parent.glob("test_*.py")):
        pytest.skip("it looks at what all scenarios have seen, and not all of them are run")
    return answered.SENTENCES


def test_every_error_is_provoked(everything: Mapping[str, set[str]]) -> None:
    codes = {kind.code for kind in business_kinds()}

    assert codes - set(everything) == set(ELSEWHERE)


def test_every_sentence_can_be_acted_on(everything: Mapping[str, set[str]]) -> None:
    sentences = {sentence for found in everything.values() for sentence in found}

    assert {text for text in sentences if not _SENTENCE.fullmatch(text) or _INTERNAL.search(text)} == set()


@pytest.mark.parametrize(("code", "path"), ELSEWHERE.items())
def test_what_no_scenario_provokes_a_unit_test_does(code: str, path: str) -> None:
    names = {name for name, kind in vars(error_codes).items() if isinstance(kind, ErrorKind) and kind.code == code}
    text = (PROJECT / path).read_text()

    assert code in text or any(f".{name}" in text for name in names)
