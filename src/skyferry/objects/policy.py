"""Upload policies: a JSON document that says until when and what may be posted (gateway reference §5.3)."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NoReturn

from skyferry.objects.errors import entity_too_large, entity_too_small, invalid_policy, policy_failed

_EXPIRATION: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII)
_SIZE: Final = "content-length-range"
_OPERANDS: Final = 2


@dataclass(frozen=True, slots=True)
class SizeRange:
    """How many bytes a file may have, both ends included."""

    least: int
    most: int

    def check(self, size: int, *, complete: bool) -> None:
        """Refuses a file of this size, or one that has grown to this size and is not complete yet.

        Raises:
            ObjectError: `EntityTooLarge` or `EntityTooSmall`.
        """
        if size > self.most:
            raise entity_too_large(self.most)
        if complete and size < self.least:
            raise entity_too_small(size, self.least)


@dataclass(frozen=True, slots=True)
class _Match:
    """One condition on a form field. `text` is how it stands in the policy, for the error."""

    name: str
    value: str
    is_prefix: bool
    text: str

    def holds(self, fields: Mapping[str, str]) -> bool:
        given = fields.get(self.name)
        if self.is_prefix:
            return (given or "").startswith(self.value)
        return given == self.value


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that could be read.

    Attributes:
        expires_ms: until when it is valid, in milliseconds since the Unix epoch.
        matches: conditions on form fields.
        sizes: the ranges that the file's size must be in.
    """

    expires_ms: int
    matches: tuple[_Match, ...]
    sizes: tuple[SizeRange, ...]

    @classmethod
    def parse(cls, text: str) -> "Policy":
        """Reads a policy as it stands in the form, in base64.

        Raises:
            ObjectError: `InvalidPolicyDocument`.
        """
        document = _document(text)
        conditions = document.get("conditions")
        if not isinstance(conditions, list):
            raise invalid_policy("conditions must be a list.")
        matches: list[_Match] = []
        sizes: list[SizeRange] = []
        for condition in conditions:
            if isinstance(condition, dict):
                matches += [_equality(name, value) for name, value in condition.items()]
            elif isinstance(condition, list) and condition and condition[0] == _SIZE:
                sizes.append(_size_range(condition))
            else:
                matches.append(_match(condition))
        return cls(_expires_ms(document.get("expiration")), tuple(matches), tuple(sizes))

    def check(self, fields: Mapping[str, str], now_ms: int, most_bytes: int) -> SizeRange:
        """Checks a form against the policy and says how large its file may be.

        Args:
            fields: the form, names in lower case; `bucket` stands for the place that the form was posted to.
            now_ms: the time now, in milliseconds since the Unix epoch.
            most_bytes: no file may be larger, whatever the policy allows.

        Raises:
            ObjectError: `AccessDenied`, because the policy has expired or a condition does not hold.
        """
        if now_ms > self.expires_ms:
            raise policy_failed("Policy expired.")
        for match in self.matches:
            if not match.holds(fields):
                raise policy_failed(f"Policy Condition failed: {match.text}")
        return SizeRange(
            least=max((sizes.least for sizes in self.sizes), default=0),
            most=min([most_bytes, *(sizes.most for sizes in self.sizes)]),
        )


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(base64.b64decode(text, validate=True), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise invalid_policy("Invalid JSON: it must be base64 of a JSON object in UTF-8.") from None
    if not isinstance(document, dict):
        raise invalid_policy("Invalid JSON: it must be an object.")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _expires_ms(text: object) -> int:
    if not isinstance(text, str) or not _EXPIRATION.fullmatch(text):
        raise invalid_policy("expiration must be a time such as 2026-01-31T12:00:00.000Z.")
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise invalid_policy("expiration is no time that exists.") from None


def _size_range(condition: list[Any]) -> SizeRange:
    sizes = condition[1:]
    if len(sizes) != _OPERANDS or not all(type(size) is int for size in sizes) or not 0 <= sizes[0] <= sizes[1]:
        raise invalid_policy(f"{_SIZE} needs the least and the most bytes.")
    return SizeRange(*sizes)


def _match(condition: object) -> _Match:
    if not isinstance(condition, list) or not all(isinstance(item, str) for item in condition):
        raise invalid_policy("a condition must be an object or a list of texts.")
    operator, *operands = condition or [""]
    if operator not in {"eq", "starts-with"}:
        raise invalid_policy(f"the operator {json.dumps(operator)} is unknown.")
    if len(operands) != _OPERANDS or not operands[0].startswith("$"):
        raise invalid_policy(f"{operator} needs a field, such as $key, and a value.")
    name, value = operands
    return _Match(name[1:].lower(), value, operator == "starts-with", json.dumps(condition))


def _equality(name: str, value: object) -> _Match:
    if not isinstance(value, str):
        raise invalid_policy(f"the value of {json.dumps(name)} must be a text.")
    return _Match(name.lower(), value, is_prefix=False, text=json.dumps(["eq", f"${name}", value]))
