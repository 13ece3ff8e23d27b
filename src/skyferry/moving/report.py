"""What was copied, what was here already, what could not be copied, why, and what to do about it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from skyferry.moving.limits import MovingLimits

_MOST_PROBLEMS: Final = 200
"""Reasons that are told apart: those that quote what another server said could be as many as there are devices."""


class Kind(StrEnum):
    """What is copied."""

    PRODUCTS = "products"
    MODULES = "modules"
    DEVICES = "devices"
    TAGS = "tags"
    CERTIFICATES = "certificates"
    PACKAGES = "packages"
    FILES = "files"
    GROUPS = "groups"
    MEMBERS = "members"


class Outcome(StrEnum):
    """What became of one of them."""

    COPIED = "copied"
    CHANGED = "changed"
    PRESENT = "already there"
    FAILED = "not copied"


NEVER_TOLD: Final = (
    (
        "dynamic registration of products",
        "Switch it on where devices register themselves: UpdateProductSettings or the console.",
    ),
    (
        "tokens of devices that registered themselves without being known before (regnwl)",
        "Call ResetThing for such a device and allow ANY: it can register once more, if its firmware does so.",
    ),
    ("versions that devices run", "Devices report them at their first log-in here."),
    ("jobs, tasks and their history", "End them on the other platform; make new ones here."),
    ("sub-devices behind gateways", "Gateways add them when they log in (thing/topo/add)."),
    (
        "RAM users, event subscriptions, thing models, rules, topics and shadows",
        "Make users and subscriptions anew; what is not about updates stays where it is or moves to another system.",
    ),
)
"""What the API does not tell anybody, and what to do about it."""


@dataclass
class Problem:
    """Things that could not be copied, or not wholly, for the same reason.

    Attributes:
        kind: what they are.
        reason: why, a sentence.
        remedy: what to do about it, a sentence.
        count: how many.
        examples: their names, the first of them.
    """

    kind: Kind
    reason: str
    remedy: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


class Report:
    """Counts, and remembers problems; it does not grow with the fleet."""

    def __init__(self, limits: MovingLimits | None = None) -> None:
        """Starts with nothing counted."""
        self._most = (limits or MovingLimits()).most_examples
        self._counts: Counter[tuple[Kind, Outcome]] = Counter()
        self._problems: dict[tuple[Kind, str], Problem] = {}
        self.stopped: str | None = None
        """Why the copying ended before everything was copied, a sentence."""

    def count(self, kind: Kind, outcome: Outcome, number: int = 1) -> None:
        """Counts."""
        self._counts[kind, outcome] += number

    def problem(self, kind: Kind, name: str, reason: str, remedy: str) -> None:
        """Remembers that something was not copied, or not wholly."""
        if (kind, reason) not in self._problems and len(self._problems) >= _MOST_PROBLEMS:
            reason, remedy = "There are further problems.", "Solve those above, and run the import again."
        found = self._problems.setdefault((kind, reason), Problem(kind, reason, remedy))
        found.count += 1
        if len(found.examples) < self._most:
            found.examples.append(name)

    def fail(self, kind: Kind, name: str, reason: str, remedy: str) -> None:
        """Counts something that was not copied at all, and remembers why."""
        self.count(kind, Outcome.FAILED)
        self.problem(kind, name, reason, remedy)

    def number(self, kind: Kind, outcome: Outcome) -> int:
        """How many of a kind had an outcome."""
        return self._counts[kind, outcome]

    @property
    def problems(self) -> list[Problem]:
        """By kind, in the order in which they came up."""
        order = list(Kind)
        return sorted(self._problems.values(), key=lambda problem: order.index(problem.kind))

    @property
    def is_complete(self) -> bool:
        """True when nothing that was to be copied is missing."""
        return self.stopped is None and not any(
            number for (_, outcome), number in self._counts.items() if outcome is Outcome.FAILED
        )

    def as_json(self) -> Mapping[str, Any]:
        """The whole report as JSON values."""
        return {
            "complete": self.is_complete,
            "stopped": self.stopped,
            "counts": {
                kind.value: {outcome.value.replace(" ", "_"): self.number(kind, outcome) for outcome in Outcome}
                for kind in Kind
            },
            "problems": [
                {
                    "kind": problem.kind.value,
                    "reason": problem.reason,
                    "remedy": problem.remedy,
                    "count": problem.count,
                    "examples": problem.examples,
                }
                for problem in self.problems
            ],
            "never_told": [{"what": what, "remedy": remedy} for what, remedy in NEVER_TOLD],
        }
