"""The codes that tests see answered are those that the reference lists for the operation."""

from functools import cache

from docs.generate.raised import kinds_of
from skyferry.operations import OPERATIONS
from skyferry.rpc import gateway_errors


def check(action: str, code: str) -> None:
    """Fails when the reference does not list the business error for the operation."""
    listed = _listed(action)
    assert code in listed, f"{action} answered {code}; docs/generate/raised.py finds only {sorted(listed)}"


@cache
def _listed(action: str) -> frozenset[str]:
    return frozenset({kind.code for kind in kinds_of(OPERATIONS[action])} | {gateway_errors.INSTANCE_NOT_FOUND.code})
