import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.objects.errors import ObjectError
from skyferry.objects.policy import Policy, SizeRange

LATER = "2019-11-04T06:22:54.607Z"
LATER_MS = 1_572_848_574_607
MOST = 1_048_576_000


def encoded(document: Any) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def check(conditions: Any, fields: dict[str, str], now_ms: int = 0) -> SizeRange:
    return Policy.parse(encoded({"expiration": LATER, "conditions": conditions})).check(fields, now_ms, MOST)


@pytest.mark.parametrize(
    "condition",
    [
        ["eq", "$key", "ota/a"],
        ["eq", "$KEY", "ota/a"],
        {"key": "ota/a"},
        {"bucket": "iotx-ota", "success_action_status": "200"},
        ["starts-with", "$key", "ota/"],
        ["starts-with", "$key", ""],
        ["starts-with", "$x-oss-meta-absent", ""],
        ["eq", "$x-oss-meta-line", "7"],
        {"Content-Type": "text/csv"},
    ],
)
def test_condition_holds(condition: Any) -> None:
    fields = {
        "key": "ota/a",
        "bucket": "iotx-ota",
        "success_action_status": "200",
        "x-oss-meta-line": "7",
        "content-type": "text/csv",
    }
    check([condition], fields)


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        (["eq", "$key", "ota/b"], '["eq", "$key", "ota/b"]'),
        ({"key": "ota/b"}, '["eq", "$key", "ota/b"]'),
        (["starts-with", "$key", "otb/"], '["starts-with", "$key", "otb/"]'),
        (["eq", "$x-oss-meta-absent", ""], '["eq", "$x-oss-meta-absent", ""]'),
    ],
)
def test_condition_that_does_not_hold_is_named(condition: Any, shown: str) -> None:
    with pytest.raises(ObjectError) as caught:
        check([["eq", "$key", "ota/a"], condition], {"key": "ota/a"})
    assert (caught.value.code, caught.value.status) == ("AccessDenied", 403)
    assert caught.value.message == f"Invalid according to Policy: Policy Condition failed: {shown}"


def test_policy_is_valid_until_its_expiration() -> None:
    assert check([], {}, LATER_MS) == SizeRange(0, MOST)
    with pytest.raises(ObjectError, match="Policy expired"):
        check([], {}, LATER_MS + 1)


def test_expiration_needs_no_milliseconds() -> None:
    text = encoded({"expiration": "2019-11-04T06:22:54Z", "conditions": []})
    assert Policy.parse(text).expires_ms == LATER_MS - 607


def test_all_size_ranges_count_and_the_server_has_the_last_word() -> None:
    ranges = [["content-length-range", 3, 100], ["content-length-range", 5, 200]]
    assert check(ranges, {}) == SizeRange(5, 100)
    assert check([["content-length-range", 0, MOST * 2]], {}) == SizeRange(0, MOST)


def test_size_is_checked_while_it_grows() -> None:
    sizes = SizeRange(5, 10)
    sizes.check(1, complete=False)
    sizes.check(5, complete=True)
    sizes.check(10, complete=True)
    with pytest.raises(ObjectError) as too_small:
        sizes.check(4, complete=True)
    with pytest.raises(ObjectError) as too_large:
        sizes.check(11, complete=False)
    assert (too_small.value.code, too_large.value.code) == ("EntityTooSmall", "EntityTooLarge")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not base64!",
        base64.b64encode(b"{").decode(),
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"[" * 100_000).decode(),
        base64.b64encode(b"9" * 5_000).decode(),
        base64.b64encode(b'{"conditions":[["content-length-range",0,NaN]]}').decode(),
        encoded([]),
        encoded({}),
        encoded({"expiration": LATER}),
        encoded({"conditions": []}),
        encoded({"expiration": "tomorrow", "conditions": []}),
        encoded({"expiration": "2019-13-04T06:22:54.607Z", "conditions": []}),
        encoded({"expiration": "0000-01-01T00:00:00Z", "conditions": []}),
        encoded({"expiration": "2019-11-04T06:22:54", "conditions": []}),
        encoded({"expiration": LATER, "conditions": {"key": "a"}}),
        *(
            encoded({"expiration": LATER, "conditions": [condition]})
            for condition in [
                [],
                ["matches", "$key", "a"],
                ["EQ", "$key", "a"],
                ["eq", "key", "a"],
                ["eq", "$key"],
                ["eq", "$key", 7],
                ["content-length-range", 0],
                ["content-length-range", "0", "1"],
                ["content-length-range", True, 1],
                ["content-length-range", 2, 1],
                ["content-length-range", -1, 1],
                {"key": 7},
                "key",
                None,
            ]
        ),
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(ObjectError) as caught:
        Policy.parse(text)
    assert (caught.value.code, caught.value.status) == ("InvalidPolicyDocument", 400)
    assert caught.value.message.startswith("Invalid Policy: ")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
near_conditions = st.lists(
    st.sampled_from(["eq", "starts-with", "content-length-range", "$key", "$", "", 0, 1, 10**30]) | json_values,
    max_size=4,
)
near_policies = st.fixed_dictionaries(
    {"expiration": st.sampled_from([LATER, "9999-12-31T23:59:59.999999Z", "2019-02-30T00:00:00Z"]) | json_values},
    optional={"conditions": st.lists(near_conditions | st.dictionaries(st.text(), json_values), max_size=4)},
)


@given(json_values | near_policies, st.dictionaries(st.text(), st.text()))
def test_any_json_is_a_policy_or_refused(document: Any, fields: dict[str, str]) -> None:
    try:
        Policy.parse(encoded(document)).check(fields, 0, MOST)
    except ObjectError as error:
        assert error.code in {"InvalidPolicyDocument", "AccessDenied"}  # noqa: PT017 - both are right
        error.message.encode()


@given(st.binary() | st.text())
def test_any_text_is_a_policy_or_refused(raw: bytes | str) -> None:
    with pytest.raises(ObjectError, match="InvalidPolicyDocument"):
        Policy.parse(raw if isinstance(raw, str) else base64.b64encode(raw).decode())
