"""What the pre-made policies let their users do (gateway reference §4.1)."""

import pytest

from skyferry.fleet.policies import BUILT_IN_POLICIES
from skyferry.operations import OPERATIONS
from skyferry.ram.policies import AccessRequest, Decision, decide, effective, resource_of
from skyferry.rpc.operation import Access

UID = "1000000000000001"
NAMED_OTHERWISE = {"BatchQueryDeviceDetail", "PreviewOTAJob"}
"""Operations that only look, but whose names are none of the platform's read-only policy. A new one is added here."""

WRITES_ALL_THE_SAME = {"QueryDeviceCert"}
"""Its name makes it one of the read-only policy, as on the platform: it issues a certificate when it is first asked."""


def allowed(policy: str, operation: str) -> bool:
    request = AccessRequest(f"iot:{operation}", resource_of(UID), {})
    return decide(effective([BUILT_IN_POLICIES[policy]]), request) is Decision.ALLOWED


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_the_read_only_policy_is_for_operations_that_only_look(operation: str) -> None:
    looks = OPERATIONS[operation].access is Access.READ

    expected = (looks and operation not in NAMED_OTHERWISE) or operation in WRITES_ALL_THE_SAME
    assert allowed("AliyunIOTReadOnlyAccess", operation) is expected


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_the_full_policy_is_for_all_operations(operation: str) -> None:
    assert allowed("AliyunIOTFullAccess", operation)


def test_what_is_named_otherwise_is_there() -> None:
    assert set(OPERATIONS) >= NAMED_OTHERWISE | WRITES_ALL_THE_SAME
