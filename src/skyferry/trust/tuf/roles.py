"""Which metadata is to be signed next, and signs it: a function of what is published, what is wanted, and the time."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeVar

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from skyferry.trust.tuf.limits import TufLimits

ROLES: Final = (Root.type, Targets.type, Snapshot.type, Timestamp.type)
ONLINE: Final = (Snapshot.type, Timestamp.type)
_DIGESTS: Final = ["sha256"]

SignedT = TypeVar("SignedT", Root, Targets, Snapshot, Timestamp)


def moment(ms: int) -> datetime:
    """A time as metadata has it: UTC, whole seconds."""
    return datetime.fromtimestamp(ms // 1_000, UTC)


@dataclass(frozen=True, slots=True)
class Published:
    """The newest metadata of each role; None where there is none yet."""

    root: Metadata[Root] | None = None
    targets: Metadata[Targets] | None = None
    snapshot: Metadata[Snapshot] | None = None
    timestamp: Metadata[Timestamp] | None = None


@dataclass(frozen=True, slots=True)
class NextMetadata:
    """What is to be published beside what is, in this order.

    Attributes:
        versions: role, version and bytes of each.
        due_at: when there is something to sign again if nothing changes, in milliseconds; None for never.
        waits_for_targets: the list of packages has changed, and only its offline keys can sign it.
    """

    versions: list[tuple[str, int, bytes]] = field(default_factory=list)
    due_at: int | None = None
    waits_for_targets: bool = False


@dataclass(slots=True)
class Publisher:
    """Signs what is missing, changed, about to expire, or signed by keys that root has replaced.

    Attributes:
        signers: by key ids; roles of which too few keys are here are signed outside.
        wanted: the targets that there should be.
        now: milliseconds since the Unix epoch.
        limits: how long metadata is valid.
    """

    signers: Mapping[str, Signer]
    wanted: Mapping[str, TargetFile]
    now: int
    limits: TufLimits
    _made: list[tuple[str, int, bytes]] = field(default_factory=list)
    _ends: list[int] = field(default_factory=list)

    def publish(self, published: Published) -> NextMetadata:
        """All that can be signed here; nothing at all before there is a root."""
        if published.root is None:
            return NextMetadata()
        root = self._root(published.root)
        targets, waits = self._targets(published.targets, root)
        if targets is not None:
            snapshot = self._snapshot(published.snapshot, root, targets)
            self._timestamp(published.timestamp, root, snapshot)
        return NextMetadata(self._made, min(self._ends, default=None), waits)

    def _root(self, current: Metadata[Root]) -> Root:
        if self.can_sign(current.signed, Root.type) and self._is_old(current.signed):
            return self._renewed(current.signed, next_root(current.signed, self.now, self.limits)).signed
        self._note_end(current.signed, current.signed)
        return current.signed

    def _targets(self, current: Metadata[Targets] | None, root: Root) -> tuple[Metadata[Targets] | None, bool]:
        """The list of packages to be published, and whether it waits for keys that are not here."""
        good = current is not None and is_signed(current, root) and current.signed.targets == self.wanted
        if current is not None and good and not self._is_renewed(current.signed, root):
            self._note_end(current.signed, root)
            return current, False
        if not self.can_sign(root, Targets.type):
            usable = current is not None and is_signed(current, root)
            return (current if usable else None), not good
        version = 1 if current is None else current.signed.version + 1
        return self._renewed(root, next_targets(self.wanted, version, self.now, self.limits)), False

    def _snapshot(
        self, current: Metadata[Snapshot] | None, root: Root, targets: Metadata[Targets]
    ) -> Metadata[Snapshot]:
        meta = {"targets.json": MetaFile.from_data(targets.signed.version, targets.to_bytes(), _DIGESTS)}
        if current is not None and current.signed.meta == meta and self._stays(current, root):
            return current
        version = 1 if current is None else current.signed.version + 1
        expires = moment(self.now + self.limits.snapshot_ms)
        return self._renewed(root, Snapshot(version=version, expires=expires, meta=meta))

    def _timestamp(self, current: Metadata[Timestamp] | None, root: Root, snapshot: Metadata[Snapshot]) -> None:
        meta = MetaFile.from_data(snapshot.signed.version, snapshot.to_bytes(), _DIGESTS)
        if current is not None and current.signed.snapshot_meta == meta and self._stays(current, root):
            return
        version = 1 if current is None else current.signed.version + 1
        expires = moment(self.now + self.limits.timestamp_ms)
        self._renewed(root, Timestamp(version=version, expires=expires, snapshot_meta=meta))

    def _stays(self, current: Metadata[SignedT], root: Root) -> bool:
        if not is_signed(current, root) or self._is_old(current.signed):
            return False
        self._note_end(current.signed, root)
        return True

    def _is_renewed(self, signed: Targets, root: Root) -> bool:
        return self._is_old(signed) and self.can_sign(root, Targets.type)

    def _renewed(self, root: Root, signed: SignedT) -> Metadata[SignedT]:
        """Signs new metadata with all keys of its role that are here."""
        metadata = Metadata(signed)
        for signer in self._signers(root, signed.type):
            metadata.sign(signer, append=True)
        self._made.append((signed.type, signed.version, metadata.to_bytes()))
        self._note_end(signed, root)
        return metadata

    def can_sign(self, root: Root, role: str) -> bool:
        """True when as many keys of a role are here as it takes."""
        return len(list(self._signers(root, role))) >= root.roles[role].threshold

    def _signers(self, root: Root, role: str) -> Iterator[Signer]:
        return (self.signers[key_id] for key_id in root.roles[role].keyids if key_id in self.signers)

    def _renewal_at(self, signed: Root | Targets | Snapshot | Timestamp) -> int:
        return round(signed.expires.timestamp() * 1_000) - self.limits.margin_ms(signed.type)

    def _is_old(self, signed: Root | Targets | Snapshot | Timestamp) -> bool:
        return self.now >= self._renewal_at(signed)

    def _note_end(self, signed: Root | Targets | Snapshot | Timestamp, root: Root) -> None:
        """Remembers when metadata is to be signed anew, where that is done here."""
        if self.can_sign(root, signed.type):
            self._ends.append(self._renewal_at(signed))


def next_root(current: Root, now: int, limits: TufLimits) -> Root:
    """The root after this one: the same keys, valid from now on."""
    following = copy.deepcopy(current)
    following.version += 1
    following.expires = moment(now + limits.root_ms)
    return following


def next_targets(wanted: Mapping[str, TargetFile], version: int, now: int, limits: TufLimits) -> Targets:
    """A list of packages, valid from now on."""
    return Targets(version=version, expires=moment(now + limits.targets_ms), targets=dict(wanted))


def is_signed(metadata: Metadata[SignedT], root: Root) -> bool:
    """True when metadata has as many signatures as this root asks of its role."""
    result = root.get_verification_result(metadata.signed.type, metadata.signed_bytes, metadata.signatures)
    return bool(result)
