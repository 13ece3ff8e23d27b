"""Where messages of devices on custom topics go."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.delivery.forwarding import subject


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("/a1B2/dev.1/user/update", "p.q.a1B2.dev%2E1.user.update"),
        ("/a1B2/dev 1/user//x/", "p.q.a1B2.dev%201.user.%.x.%"),
        ("/a1B2/d/>/*", "p.q.a1B2.d.%3E.%2A"),
        ("/a1B2/设备", "p.q.a1B2.%E8%AE%BE%E5%A4%87"),
    ],
)
def test_a_level_of_the_topic_is_a_word_of_the_subject(topic: str, expected: str) -> None:
    assert subject("p.q", topic) == expected


@given(st.lists(st.text(max_size=5).filter(lambda level: "/" not in level), min_size=1, max_size=5))
def test_no_topic_makes_another_subject_than_its_own(levels: list[str]) -> None:
    try:
        "".join(levels).encode()
    except UnicodeEncodeError:
        return
    words = subject("p", "/" + "/".join(levels)).split(".")
    assert len(words) == len(levels) + 1
    assert all(re.fullmatch(r"[A-Za-z0-9%_~@:-]+", word) for word in words)
    assert len({subject("p", "/" + "/".join(changed)) for changed in (levels, [*levels, ""])}) == 2
