"""Ceremonies: a repository begins, keys are replaced, and what is signed outside comes back.

Each of them makes a version of root, or takes one in. Signatures of keys that are kept here are added at once; when
that is not enough, the metadata is handed out to be signed with the others and is published when it comes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from securesystemslib.signer import SSlibKey
from sqlalchemy import Connection
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from skyferry.keys import SecretBox
from skyferry.store import tuf as statements
from skyferry.store.products import ProductRecord
from skyferry.trust.tuf import keys, repository
from skyferry.trust.tuf.keys import TufError
from skyferry.trust.tuf.limits import TufLimits
from skyferry.trust.tuf.repository import State
from skyferry.trust.tuf.roles import ONLINE, ROLES, NextMetadata, is_signed, moment, next_root, next_targets

_READABLE: Final = JSONSerializer(compact=False)
_NO_REPOSITORY: Final = "The product has no TUF repository: make one with skyferry tuf init."
_NO_ROOT: Final = "The root of this repository was never imported: sign the file of skyferry tuf init and import it."


@dataclass(frozen=True, slots=True)
class RoleKeys:
    """Who signs for a role: public keys of which the private parts are elsewhere, or (none) a key that is kept here."""

    offline: Sequence[SSlibKey] = ()
    threshold: int = 1


@dataclass(frozen=True, slots=True)
class Ceremony:
    """A repository and what a ceremony works with.

    Attributes:
        tx: one transaction for all of it.
        box: seals and opens the keys that are kept here.
        now: milliseconds since the Unix epoch.
        limits: how long metadata is valid.
    """

    tx: Connection
    product: ProductRecord
    box: SecretBox
    now: int
    limits: TufLimits = field(default_factory=TufLimits)

    def begin(self, root_keys: RoleKeys, targets_keys: RoleKeys) -> bytes | None:
        """Makes the first root.

        Returns:
            The root to be signed outside; None when it is published.

        Raises:
            TufError: the product has a repository, or keys do not fit their threshold.
        """
        statements.insert_repository(self.tx, self.product.id)
        state = self._state()
        if state.published().root is not None:
            raise TufError("The product has a TUF repository: skyferry tuf rotate replaces its keys.")
        statements.delete_keys(self.tx, self.product.id, but=())
        root = Root(version=1, expires=moment(self.now + self.limits.root_ms), consistent_snapshot=True)
        for role, given in zip(ROLES, (root_keys, targets_keys, RoleKeys(), RoleKeys()), strict=True):
            self._replace_keys(root, role, given)
        return self._complete(self._state(), None, root)

    def rotate(self, role: str, given: RoleKeys) -> bytes | None:
        """Replaces the keys of a role by a new root.

        Returns:
            The root to be signed outside; None when it is published.

        Raises:
            TufError: there is no repository yet, or keys do not fit the role or their threshold.
        """
        if role in ONLINE and given.offline:
            raise TufError(f"{role} is signed by the server: its keys are made and kept here.")
        current = self._root(self._state())
        following = next_root(current.signed, self.now, self.limits)
        self._replace_keys(following, role, given)
        return self._complete(self._state(), current, following)

    def export(self, role: str) -> bytes:
        """The next version of root or targets, to be signed outside.

        Raises:
            TufError: there is no repository yet, or the role is signed by the server.
        """
        state = self._state()
        root = self._root(state)
        if role == Root.type:
            return Metadata(next_root(root.signed, self.now, self.limits)).to_bytes(_READABLE)
        if role != Targets.type:
            raise TufError(f"{role} is signed by the server: root and targets can be exported.")
        current = state.published().targets
        version = 1 if current is None else current.signed.version + 1
        return Metadata(next_targets(state.wanted, version, self.now, self.limits)).to_bytes(_READABLE)

    def take_in(self, data: bytes) -> str:
        """Publishes a root or a list of packages that was signed outside; tells the role and the version.

        Raises:
            TufError: it is not what comes next, not signed as it must be, or says what this server cannot keep.
        """
        state = self._state()
        if len(data) > self.limits.most_bytes:
            raise TufError(f"The file is larger than {self.limits.most_bytes} bytes.")
        try:
            metadata = Metadata.from_bytes(data)
        except (DeserializationError, RepositoryError, ValueError):
            raise TufError("The file is no TUF metadata in JSON.") from None
        signed = metadata.signed
        if signed.expires <= moment(self.now):
            raise TufError(f"It has expired at {signed.expires:%Y-%m-%d %H:%M:%SZ}: export it again.")
        if isinstance(signed, Root):
            self._take_root(state, signed, metadata)
        elif isinstance(signed, Targets):
            self._take_targets(state, signed, metadata)
        else:
            raise TufError(f"{signed.type} is signed by the server: root and targets can be imported.")
        return f"{signed.type} {signed.version}"

    def _take_root(self, state: State, root: Root, metadata: Metadata[Root]) -> None:
        current = state.published().root
        _check_version(root.version, 1 if current is None else current.signed.version + 1)
        if not root.consistent_snapshot:
            raise TufError("This root does without consistent snapshots, which the server publishes: export it again.")
        for role in ONLINE:
            here = [key_id for key_id in root.roles[role].keyids if key_id in state.sealed_keys]
            if len(here) < root.roles[role].threshold:
                raise TufError(f"The server does not have the keys that this root asks {role} to be signed with.")
        missing = [*_missing(metadata, root), *([] if current is None else _missing(metadata, current.signed))]
        if missing:
            raise TufError(f"Signatures are missing: of {' and '.join(sorted(set(missing)))}. See skyferry tuf sign.")
        self._publish(state, metadata)

    def _take_targets(self, state: State, targets: Targets, metadata: Metadata[Targets]) -> None:
        root = self._root(state).signed
        current = state.published().targets
        _check_version(targets.version, 1 if current is None else current.signed.version + 1)
        if targets.delegations is not None:
            raise TufError("The server publishes no delegations.")
        unknown = [name for name, target in targets.targets.items() if state.wanted.get(name) != target]
        if unknown:
            raise TufError(f"{unknown[0]} is no file of a package that jobs may be made for: export the list again.")
        if not is_signed(metadata, root):
            raise TufError("Signatures of the keys of targets are missing: see skyferry tuf sign.")
        self._publish(state, metadata)

    def _complete(self, state: State, current: Metadata[Root] | None, root: Root) -> bytes | None:
        """Signs a new root with all keys that are here; publishes it when these are enough."""
        metadata = Metadata(root)
        needed = {*root.roles[Root.type].keyids, *([] if current is None else current.signed.roles[Root.type].keyids)}
        for key_id, signer in state.signers(self.box).items():
            if key_id in needed:
                metadata.sign(signer, append=True)
        if _missing(metadata, root) or (current is not None and _missing(metadata, current.signed)):
            return metadata.to_bytes(_READABLE)
        self._publish(state, metadata)
        return None

    def _publish(self, state: State, metadata: Metadata[Root] | Metadata[Targets]) -> None:
        """Stores what is complete; the worker signs what follows from it, and keys that root has dropped are gone."""
        signed = metadata.signed
        made = NextMetadata([(signed.type, signed.version, metadata.to_bytes())], due_at=self.now)
        repository.store_metadata(self.tx, state.record, made, self.limits, now=self.now)
        if isinstance(signed, Root):
            statements.delete_keys(self.tx, self.product.id, but=list(signed.keys))

    def _replace_keys(self, root: Root, role: str, given: RoleKeys) -> None:
        if len(given.offline) > self.limits.most_keys:
            raise TufError(f"A role has at most {self.limits.most_keys} keys.")
        for key_id in list(root.roles[role].keyids):
            root.revoke_key(key_id, role)
        for key in given.offline or [self._new_key()]:
            root.add_key(key, role)
        if not 1 <= given.threshold <= len(root.roles[role].keyids):
            raise TufError(f"The threshold of {role} is between 1 and the number of its keys.")
        root.roles[role].threshold = given.threshold

    def _new_key(self) -> SSlibKey:
        private_pem, public_pem = keys.generate()
        key = keys.public_key(public_pem)
        statements.insert_key(self.tx, self.product.id, key.keyid, self.box.seal(private_pem), now=self.now)
        return key

    def _state(self) -> State:
        record = statements.repository(self.tx, self.product.id)
        if record is None:
            raise TufError(_NO_REPOSITORY)
        return repository.load(self.tx, record)

    def _root(self, state: State) -> Metadata[Root]:
        root = state.published().root
        if root is None:
            raise TufError(_NO_ROOT)
        return root


def sign(data: bytes, private_pem: str) -> bytes:
    """Adds a signature to metadata, on a machine that needs nothing but the two files.

    Raises:
        TufError: the data is no metadata, or the key is none.
    """
    try:
        metadata = Metadata.from_bytes(data)
    except (DeserializationError, RepositoryError, ValueError):
        raise TufError("The file is no TUF metadata in JSON.") from None
    metadata.sign(keys.signer(private_pem), append=True)
    return metadata.to_bytes(_READABLE)


def _check_version(given: int, expected: int) -> None:
    if given != expected:
        raise TufError(f"It is version {given}, and version {expected} comes next: export it again.")


def _missing(metadata: Metadata[Root], asking: Root) -> list[str]:
    """What a root asks of the signatures of another and does not find."""
    if is_signed(metadata, asking):
        return []
    role = asking.roles[Root.type]
    return [f"{role.threshold} of the {len(role.keyids)} keys of root {asking.version}"]
