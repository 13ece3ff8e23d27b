"""The schema. Invariants are constraints here, not code elsewhere; times are milliseconds since the Unix epoch."""

from skyferry.store.tables.accounts import (
    access_keys,
    accounts,
    audit_records,
    instances,
    policies,
    policy_attachments,
    ram_users,
    role_policies,
    roles,
)
from skyferry.store.tables.archives import task_archives
from skyferry.store.tables.attributes import device_attributes
from skyferry.store.tables.base import metadata
from skyferry.store.tables.cluster import (
    call_windows,
    installation,
    leases,
    processes,
    report_positions,
    used_nonces,
)
from skyferry.store.tables.downloads import task_downloads
from skyferry.store.tables.events import outbox, subscriptions
from skyferry.store.tables.fleet import (
    DeviceState,
    batch_is_unfinished,
    device_batch_names,
    device_batches,
    device_tags,
    devices,
    group_members,
    groups,
    module_versions,
    product_is_kept,
    products,
)
from skyferry.store.tables.identities import device_certificates, device_registrations, disconnections, topology
from skyferry.store.tables.jobs import (
    OPEN_BELOW,
    job_is_live,
    job_is_matching,
    job_is_planned,
    job_is_running,
    jobs,
    task_history,
    task_is_open,
    tasks,
)
from skyferry.store.tables.packages import modules, objects, package_files, package_is_kept, packages
from skyferry.store.tables.people import console_sessions, passwords
from skyferry.store.tables.signing import signing_keys, tuf_keys, tuf_metadata, tuf_repositories
from skyferry.store.tables.statistics import (
    ARCHIVED_SLOT,
    device_counts,
    task_counts,
    task_endings,
    version_counts,
)
from skyferry.store.tables.triggers import COUNTERS, OWNED

__all__ = [
    "ARCHIVED_SLOT",
    "COUNTERS",
    "OPEN_BELOW",
    "OWNED",
    "DeviceState",
    "access_keys",
    "accounts",
    "audit_records",
    "batch_is_unfinished",
    "call_windows",
    "console_sessions",
    "device_attributes",
    "device_batch_names",
    "device_batches",
    "device_certificates",
    "device_counts",
    "device_registrations",
    "device_tags",
    "devices",
    "disconnections",
    "group_members",
    "groups",
    "installation",
    "instances",
    "job_is_live",
    "job_is_matching",
    "job_is_planned",
    "job_is_running",
    "jobs",
    "leases",
    "metadata",
    "module_versions",
    "modules",
    "objects",
    "outbox",
    "package_files",
    "package_is_kept",
    "packages",
    "passwords",
    "policies",
    "policy_attachments",
    "processes",
    "product_is_kept",
    "products",
    "ram_users",
    "report_positions",
    "role_policies",
    "roles",
    "signing_keys",
    "subscriptions",
    "task_archives",
    "task_counts",
    "task_downloads",
    "task_endings",
    "task_history",
    "task_is_open",
    "tasks",
    "topology",
    "tuf_keys",
    "tuf_metadata",
    "tuf_repositories",
    "used_nonces",
    "version_counts",
]
