"""TargetSelection GRAY: a share of the devices, chosen evenly over the fleet (control-plane reference §5.7).

Of the n devices that can be updated, taken in the order of their keys, floor(n x share) are chosen, one in each equal
stretch. The choice needs no count in advance, so that a fleet is looked at in portions, and the same fleet gives the
same devices again.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from skyferry import error_codes as codes
from skyferry.errors import ApiError

WHOLE: Final = 100_000
"""All devices, in thousandths of a percent: the unit of shares."""
_FORMAT: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3})?")
_STEPS_PER_PERCENT: Final = 1_000


def parse(percent: str | None) -> int:
    """The share that a GrayPercent means, in thousandths of a percent.

    Raises:
        ApiError: it is empty, no number with up to three decimals, or not above 0 and up to 100.
    """
    if not percent or not percent.strip():
        raise ApiError(codes.NULL_GRAY_PERCENT)
    if not _FORMAT.fullmatch(percent.strip()):
        raise ApiError(codes.BADLY_FORMATTED_GRAY_PERCENT)
    share = int(Decimal(percent.strip()) * _STEPS_PER_PERCENT)
    if not 0 < share <= WHOLE:
        raise ApiError(codes.INVALID_GRAY_PERCENT)
    return share


def choose(devices: Sequence[int], looked_at: int, share: int) -> list[int]:
    """Which of the next devices are chosen.

    Args:
        devices: keys, in their order.
        looked_at: how many devices came before them.
        share: thousandths of a percent.
    """
    return [
        device
        for number, device in enumerate(devices, looked_at)
        if (number + 1) * share // WHOLE > number * share // WHOLE
    ]


def is_too_few(looked_at: int, share: int) -> bool:
    """Whether the share of so many devices is none; one is chosen then."""
    return looked_at > 0 and looked_at * share < WHOLE


def shown(share: int) -> str:
    """The share as QueryOTAJob shows it: percent with two decimals."""
    return f"{Decimal(share) / _STEPS_PER_PERCENT:.2f}"
