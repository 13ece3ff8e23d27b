"""What a measurement finds: figures, each with all of its repetitions."""

import math
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity.

    Attributes:
        name: what was measured.
        unit: of the samples; `ratio` when it is one quantity of this run over another one of the same run.
        samples: one value a repetition.
        note: what one must know to read it.
    """

    name: str
    unit: str
    samples: Sequence[float]
    note: str = ""

    @property
    def lowest(self) -> float:
        """The smallest sample."""
        return min(self.samples)

    @property
    def median(self) -> float:
        """The middle one of the samples."""
        return statistics.median(self.samples)

    @property
    def highest(self) -> float:
        """The largest sample."""
        return max(self.samples)


Measure = Callable[[Path], Awaitable[list[Figure]]]
"""Measures in the directory that it is given, which is removed afterwards."""


def quantile(samples: Sequence[float], share: float) -> float:
    """The sample below which a share (0..1) of the samples lies, by the nearest rank."""
    return sorted(samples)[math.ceil(share * len(samples)) - 1]


def ratios(of: Sequence[float], to: Sequence[float]) -> list[float]:
    """Pair by pair: what was measured in turn is compared with its neighbour."""
    return [one / other for one, other in zip(of, to, strict=True)]
