"""RAM policies: who may call which operation (gateway reference §4).

A document is `{"Version": "1", "Statement": [{"Effect", "Action", "Resource", "Condition"}]}`. IoT operations
know no single resources: what they ask for is everything of the account, so `Resource` is `*` or an ARN pattern that
covers that.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from skyferry.ram import conditions, wildcards
from skyferry.ram.conditions import Condition, Facts
from skyferry.ram.errors import PolicyError

_MOST_CHARACTERS: Final = 6_144
_ELEMENTS: Final = frozenset({"effect", "action", "resource", "condition"})


class Effect(Enum):
    """What a matching statement does."""

    ALLOW = "allow"
    DENY = "deny"


class Decision(Enum):
    """The outcome; the values of the denials are what `NoPermissionType` says."""

    ALLOWED = "Allowed"
    IMPLICIT_DENY = "ImplicitDeny"
    EXPLICIT_DENY = "ExplicitDeny"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy.

    Attributes:
        effect: allow or deny.
        actions: patterns of `iot:<Operation>`.
        resources: patterns of ARNs.
        conditions: what must be true of the request besides, all of it.
    """

    effect: Effect
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()

    def applies(self, request: "AccessRequest") -> bool:
        """True when action and resource match and all conditions hold."""
        return (
            any(matches(pattern, request.action) for pattern in self.actions)
            and any(matches(pattern, request.resource) for pattern in self.resources)
            and all(condition.holds(request.facts) for condition in self.conditions)
        )


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What someone wants to do.

    Attributes:
        action: such as `iot:QueryDevice`.
        resource: the ARN of what it is done to.
        facts: what is known of the request, for conditions.
    """

    action: str
    resource: str
    facts: Facts


DENY_EVERYTHING: Final = Statement(Effect.DENY, ("*",), ("*",))
"""What a stored document that cannot be read stands for: it might have denied."""


def matches(pattern: str, text: str) -> bool:
    """True when the pattern (`*` any run, `?` one character) covers the whole text; letter case does not matter."""
    return wildcards.compiled(pattern, ignore_case=True).match(text) is not None


def resource_of(account_uid: str) -> str:
    """The resource that every operation asks for: all of the account's IoT resources."""
    return f"acs:iot:*:{account_uid}:*"


def decide(statements: Iterable[Statement], request: AccessRequest) -> Decision:
    """Whether one with these statements may do this: a matching Deny wins, then a matching Allow."""
    effects = {statement.effect for statement in statements if statement.applies(request)}
    if Effect.DENY in effects:
        return Decision.EXPLICIT_DENY
    return Decision.ALLOWED if Effect.ALLOW in effects else Decision.IMPLICIT_DENY


def parse(document: object) -> tuple[Statement, ...]:
    """Reads a policy document, names of elements and effects in any case.

    Raises:
        PolicyError: it is no policy document.
    """
    elements = _elements(document, "A policy")
    if str(elements.get("version")) != "1":
        raise PolicyError('A policy has "Version": "1".')
    if unknown := elements.keys() - {"version", "statement"}:
        raise PolicyError(f"A policy has Version and Statement, not {min(unknown)}.")
    statements = elements.get("statement")
    if isinstance(statements, Mapping):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise PolicyError("A policy has a Statement: a list with at least one entry.")
    return tuple(_statement(statement) for statement in statements)


def check(document: object, *, account_uid: str) -> None:
    """Checks that a document may be stored: it can be read, and everything in it would take effect.

    Raises:
        PolicyError: it may not; the message says why.
    """
    if len(json.dumps(document, ensure_ascii=False)) > _MOST_CHARACTERS:
        raise PolicyError(f"A policy has at most {_MOST_CHARACTERS} characters.")
    for statement in parse(document):
        for condition in statement.conditions:
            conditions.check(condition)
        for pattern in statement.resources:
            if not matches(pattern, resource_of(account_uid)) and _concerns_iot(pattern):
                raise PolicyError(f'IoT operations know no single resources: write "*" in place of {pattern}.')


def effective(documents: Iterable[object]) -> tuple[Statement, ...]:
    """The statements of stored documents. One that cannot be read denies everything."""
    statements: list[Statement] = []
    for document in documents:
        try:
            statements += parse(document)
        except PolicyError:
            statements.append(DENY_EVERYTHING)
    return tuple(statements)


def _statement(source: object) -> Statement:
    elements = _elements(source, "A Statement")
    if unknown := elements.keys() - _ELEMENTS:
        raise PolicyError(f"A Statement has Effect, Action, Resource and Condition, not {min(unknown)}.")
    try:
        effect = Effect(str(elements.get("effect")).strip().lower())
    except ValueError:
        raise PolicyError("Effect is Allow or Deny.") from None
    return Statement(
        effect,
        actions=_patterns(elements, "Action"),
        resources=_patterns(elements, "Resource"),
        conditions=conditions.parse(elements["condition"]) if "condition" in elements else (),
    )


def _elements(source: object, name: str) -> dict[str, Any]:
    if not isinstance(source, Mapping):
        raise PolicyError(f"{name} is a JSON object.")
    elements = {str(key).strip().lower(): value for key, value in source.items()}
    if len(elements) < len(source):
        raise PolicyError(f"{name} names an element twice.")
    return elements


def _patterns(elements: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = elements.get(name.lower())
    patterns = [value] if isinstance(value, str) else value
    if not isinstance(patterns, list) or not patterns or not all(isinstance(item, str) for item in patterns):
        raise PolicyError(f"A Statement has {name}: a text or a list of texts.")
    stripped = tuple(item.strip() for item in patterns)
    if not all(stripped):
        raise PolicyError(f"{name} must not be empty.")
    return stripped


def _concerns_iot(pattern: str) -> bool:
    """False for the ARN of another service, such as `acs:oss:…`: it is of no consequence here."""
    service = pattern.split(":")[1] if pattern.lower().startswith("acs:") else "iot"
    return matches(service, "iot")
