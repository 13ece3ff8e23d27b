"""Base URLs of targets: of one product, for a time."""

from hypothesis import given
from hypothesis import strategies as st

from skyferry.trust.tuf.grants import TargetGrants

NOW = 1_795_000_000_000
GRANTS = TargetGrants(bytes(32), 3_600)


def test_a_grant_is_for_one_product_and_ends() -> None:
    grant = GRANTS.grant("a1", NOW)

    assert GRANTS.verify("a1", grant, NOW + 3_599_999)
    assert not GRANTS.verify("a1", grant, NOW + 3_600_000)
    assert not GRANTS.verify("a2", grant, NOW)
    assert not TargetGrants(bytes([1]) * 32, 3_600).verify("a1", grant, NOW)


@given(st.text(max_size=60))
def test_no_other_text_is_a_grant(text: str) -> None:
    assert GRANTS.verify("a1", text, NOW) is (text == GRANTS.grant("a1", NOW))
