# ruff: noqa: RUF001 - the punctuation is Chinese
"""What the server writes into records is shown in the language of the reader; what others say, as they said it."""

from collections.abc import Iterator
from typing import Final

import pytest

from skyferry.console import languages
from skyferry.console.languages import DEFAULT
from skyferry.console.said import said
from skyferry.ota import cancel, deadlines, removal, reports, rerun, selection, stopping

WRITTEN: Final = (
    selection.BLOCKED,
    selection._REPLACED,
    rerun._REPLACED,
    cancel._DESCRIPTION,
    deadlines._DESCRIPTION,
    removal._DESCRIPTION,
    reports._NOT_CONFORM,
    *stopping._DESCRIPTIONS.values(),
    *reports._FAILURES.values(),
)


@pytest.fixture
def chinese() -> Iterator[None]:
    languages.current.set("zh")
    yield
    languages.current.set(DEFAULT)


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("sentence", WRITTEN)
def test_all_that_the_engine_writes_is_translated(sentence: str) -> None:
    assert said(sentence) != sentence
    assert said(f"{sentence} (try 1 of 3)") == f"{said(sentence)}（第 1 次尝试，共 3 次）"


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the flashing failed: worn out: block 7", "烧写失败：worn out: block 7"),
        ("the download failed: no room (try 2 of 3)", "下载失败：no room（第 2 次尝试，共 3 次）"),
        (
            "halted: 4 of 5 updates failed, 20 percent are too many",
            "已自动停止：5 次升级中有 4 次失败，达到 20 个百分点的上限",
        ),
        ("paused by root: the lab burns", "由 root 暂停：the lab burns"),
        ("words of a device", "words of a device"),
        ("HTTP 500", "HTTP 500"),
        ("", ""),
    ],
)
def test_what_others_have_added_stays(text: str, shown: str) -> None:
    assert said(text) == shown


def test_in_english_a_sentence_is_as_it_was_written() -> None:
    assert said("the flashing failed: worn out (try 2 of 3)") == "the flashing failed: worn out (try 2 of 3)"
