"""One module per resource; one operation is one declaration and one function.

`OPERATIONS` is every operation by its API name: what the gateway serves, and what docs and tests read.
"""

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Final

from skyferry.operations import (
    audit_records,
    device_certificates,
    device_changes,
    device_credentials,
    device_lists,
    device_search,
    device_states,
    device_tags,
    devices,
    events,
    groups,
    hawkbit,
    job_control,
    job_creation,
    job_lists,
    jobs,
    memberships,
    modules,
    name_checks,
    package_tasks,
    packages,
    product_settings,
    products,
    ram_policies,
    ram_users,
    registrations,
    rollouts,
    server_status,
    signing_keys,
    statistics,
    sts,
    task_control,
    task_history,
    tasks,
    topologies,
    tuf,
    uploads,
)
from skyferry.operations.services import Services
from skyferry.rpc.operation import Operation, index

_MODULES: Final = (
    products,
    product_settings,
    hawkbit,
    signing_keys,
    tuf,
    registrations,
    name_checks,
    devices,
    device_changes,
    device_credentials,
    device_certificates,
    device_lists,
    device_search,
    device_states,
    device_tags,
    groups,
    memberships,
    modules,
    uploads,
    packages,
    job_creation,
    jobs,
    job_lists,
    package_tasks,
    statistics,
    audit_records,
    server_status,
    job_control,
    tasks,
    task_control,
    task_history,
    rollouts,
    events,
    sts,
    ram_users,
    ram_policies,
    topologies,
)


def _declared(modules: tuple[ModuleType, ...]) -> Iterator[Operation[Services]]:
    for module in modules:
        yield from (value for value in vars(module).values() if isinstance(value, Operation))


OPERATIONS: Final[Mapping[str, Operation[Services]]] = index(_declared(_MODULES))
