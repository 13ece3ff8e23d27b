"""A repository in the database: read as a whole, signed outside of any transaction, stored when nothing has changed.

Two that sign at once cannot both store: each takes the repository from the revision that it has read to the next one.
What changes the list of packages counts the revision up as well, so what was signed before it is not stored after it.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from securesystemslib.signer import CryptoSigner
from sqlalchemy import Connection
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp

from skyferry.clock import Clock
from skyferry.keys import SecretBox
from skyferry.store import tuf as statements
from skyferry.store.engine import Store
from skyferry.store.tuf import RepositoryRecord
from skyferry.trust.tuf import keys
from skyferry.trust.tuf.keys import TufError
from skyferry.trust.tuf.limits import TufLimits
from skyferry.trust.tuf.roles import NextMetadata, Published, Publisher
from skyferry.trust.tuf.targets import listed

_log: Final = structlog.get_logger("skyferry.trust")


class SupersededError(TufError):
    """Somebody else has changed the repository meanwhile."""

    def __init__(self) -> None:
        super().__init__("The repository has changed meanwhile: do it again.")


@dataclass(frozen=True, slots=True)
class State:
    """All of a repository, as one transaction has seen it."""

    record: RepositoryRecord
    bodies: tuple[bytes | None, bytes | None, bytes | None, bytes | None]
    sealed_keys: dict[str, bytes]
    wanted: dict[str, TargetFile]

    def published(self) -> Published:
        """The newest metadata of each role."""
        root, targets, snapshot, timestamp = self.bodies
        return Published(
            root=None if root is None else Metadata[Root].from_bytes(root),
            targets=None if targets is None else Metadata[Targets].from_bytes(targets),
            snapshot=None if snapshot is None else Metadata[Snapshot].from_bytes(snapshot),
            timestamp=None if timestamp is None else Metadata[Timestamp].from_bytes(timestamp),
        )

    def signers(self, box: SecretBox) -> dict[str, CryptoSigner]:
        """Signs with the keys that are kept here, by their ids."""
        return {key_id: keys.signer(box.open(sealed)) for key_id, sealed in self.sealed_keys.items()}

    def publisher(self, box: SecretBox, now: int, limits: TufLimits) -> Publisher:
        """Signs what there is to sign at a time."""
        return Publisher(self.signers(box), self.wanted, now, limits)


def load(tx: Connection, record: RepositoryRecord) -> State:
    """Reads a repository."""
    product_id = record.product_id
    return State(
        record=record,
        bodies=(
            statements.newest(tx, product_id, Root.type),
            statements.newest(tx, product_id, Targets.type),
            statements.newest(tx, product_id, Snapshot.type),
            statements.newest(tx, product_id, Timestamp.type),
        ),
        sealed_keys=dict(statements.keys_of(tx, product_id)),
        wanted=dict(listed(statements.files_of(tx, product_id))),
    )


@dataclass(frozen=True, slots=True)
class RoleState:
    """What is published of a role."""

    role: str
    version: int
    expires: datetime
    online: bool
    """True when the server has the keys that it takes to sign."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A repository for people to read."""

    roles: list[RoleState]
    waits_for_targets: bool
    """The list of packages has changed, and only its offline keys can sign it."""


def summary(state: State, box: SecretBox, now: int, limits: TufLimits) -> Summary:
    """What is published, and whether the list of packages waits for its offline keys; roles in TUF's order."""
    published, publisher = state.published(), state.publisher(box, now, limits)
    root = published.root
    found = (published.root, published.targets, published.snapshot, published.timestamp)
    roles = [
        RoleState(
            role=metadata.signed.type,
            version=metadata.signed.version,
            expires=metadata.signed.expires,
            online=root is not None and publisher.can_sign(root.signed, metadata.signed.type),
        )
        for metadata in found
        if metadata is not None
    ]
    return Summary(roles, publisher.publish(published).waits_for_targets)


def store_metadata(tx: Connection, seen: RepositoryRecord, made: NextMetadata, limits: TufLimits, *, now: int) -> None:
    """Publishes what was signed, and forgets what no client needs any more; roots stay.

    Raises:
        SupersededError: the repository is not the one that was read.
    """
    if not statements.advance(tx, seen, due_at=made.due_at):
        raise SupersededError
    for role, version, body in made.versions:
        if not statements.insert_metadata(tx, seen.product_id, role, version, body, now=now):
            raise SupersededError
        if role != Root.type:
            statements.forget_metadata(tx, seen.product_id, role, below=version + 1 - limits.kept_versions)


@dataclass(frozen=True, slots=True)
class Repositories:
    """Keeps what is published up to date.

    Attributes:
        store: the database.
        box: opens the private keys.
        clock: decides what is about to expire.
        limits: how long metadata is valid.
    """

    store: Store
    box: SecretBox
    clock: Clock
    limits: TufLimits

    async def publish_next(self) -> bool:
        """Signs what there is to sign in the repository that has waited longest; False when none waits."""
        state = await self.store.read(_next, self.clock.now_ms())
        if state is None:
            return False
        made = await asyncio.to_thread(self._signed, state)
        try:
            await self.store.write(store_metadata, state.record, made, self.limits, now=self.clock.now_ms())
        except SupersededError:
            _log.info("tuf repository changed meanwhile", product=state.record.product_id)
        return True

    def _signed(self, state: State) -> NextMetadata:
        """What is to be published; a repository that cannot be signed does not keep the others waiting."""
        now = self.clock.now_ms()
        try:
            made = state.publisher(self.box, now, self.limits).publish(state.published())
        except Exception:  # noqa: BLE001 - whatever is wrong with it, the others are signed
            _log.exception("tuf repository cannot be signed", product=state.record.product_id)
            return NextMetadata(due_at=now + self.limits.retry_ms)
        for role, version, _ in made.versions:
            _log.info("tuf metadata signed", product=state.record.product_id, role=role, version=version)
        if made.waits_for_targets:
            _log.warning("tuf targets wait for their offline keys", product=state.record.product_id)
        return made


def _next(tx: Connection, now: int) -> State | None:
    record = statements.next_due(tx, now)
    return None if record is None else load(tx, record)
