"""What is signed, and when: the time is the test's."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from securesystemslib.signer import SSlibKey
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp

from skyferry.trust.tuf import keys
from skyferry.trust.tuf.limits import TufLimits
from skyferry.trust.tuf.roles import ROLES, NextMetadata, Published, Publisher, is_signed, moment, next_root

START = 1_795_000_000_000
DAY = 86_400_000
LIMITS = TufLimits()


@dataclass
class Repo:
    """A repository in memory: what is published, and the keys that are here."""

    now: int = START
    published: Published = field(default_factory=Published)
    wanted: dict[str, TargetFile] = field(default_factory=dict)
    private: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        root = Root(version=1, expires=moment(self.now + LIMITS.root_ms), consistent_snapshot=True)
        for role in ROLES:
            root.add_key(self.key(), role)
        self.published = Published(root=Metadata(root))

    def key(self) -> SSlibKey:
        """A new key that is here."""
        private, public = keys.generate()
        key = keys.public_key(public)
        self.private[key.keyid] = private
        return key

    @property
    def root(self) -> Root:
        assert self.published.root is not None
        return self.published.root.signed

    def leave(self, role: str) -> None:
        """Takes a role's keys away."""
        for key_id in self.root.roles[role].keyids:
            del self.private[key_id]

    def want(self, *names: str) -> None:
        self.wanted = {name: TargetFile(1, {"sha256": "0" * 64}, name) for name in names}

    def publish(self) -> NextMetadata:
        """One round of the worker."""
        signers = {key_id: keys.signer(private) for key_id, private in self.private.items()}
        made = Publisher(signers, self.wanted, self.now, LIMITS).publish(self.published)
        published: dict[str, Any] = {role: Metadata.from_bytes(body) for role, _, body in made.versions}
        self.published = replace(self.published, **published)
        return made


def versions(made: NextMetadata) -> dict[str, int]:
    return {role: version for role, version, _ in made.versions}


@pytest.fixture
def repo() -> Repo:
    made = Repo()
    made.want("a")
    made.publish()
    return made


def test_nothing_is_signed_before_there_is_a_root() -> None:
    made = Publisher({}, {}, START, LIMITS).publish(Published())
    assert (made.versions, made.due_at) == ([], None)


def test_all_is_signed_in_the_beginning_and_nothing_when_nothing_changes(repo: Repo) -> None:
    assert {role: getattr(repo.published, role).signed.version for role in ROLES} == dict.fromkeys(ROLES, 1)
    assert all(is_signed(getattr(repo.published, role), repo.root) for role in ROLES[1:])
    assert versions(repo.publish()) == {}


def test_a_changed_list_is_followed_by_snapshot_and_timestamp(repo: Repo) -> None:
    repo.want("a", "b")
    assert versions(repo.publish()) == {"targets": 2, "snapshot": 2, "timestamp": 2}
    repo.want("b")
    assert versions(repo.publish()) == {"targets": 3, "snapshot": 3, "timestamp": 3}


def test_everything_is_signed_anew_before_it_expires_and_no_earlier(repo: Repo) -> None:
    """A third before its end; `due_at` says when, and a server that sleeps until then is never late."""
    for _ in range(100):
        made = repo.publish()
        assert made.due_at is not None
        assert made.due_at > repo.now
        repo.now = made.due_at - 1
        assert versions(repo.publish()) == {}
        repo.now += 1
        assert versions(repo.publish())
        assert all(getattr(repo.published, role).signed.expires > moment(repo.now) for role in ROLES)

    assert repo.now > START + 60 * DAY


def test_the_timestamp_is_renewed_alone(repo: Repo) -> None:
    repo.now += round(DAY * 0.7)
    assert versions(repo.publish()) == {"timestamp": 2}


def test_after_a_long_sleep_everything_is_signed_at_once(repo: Repo) -> None:
    repo.now += 1_000 * DAY
    assert versions(repo.publish()) == {"root": 2, "targets": 2, "snapshot": 2, "timestamp": 2}
    assert versions(repo.publish()) == {}


@pytest.mark.parametrize("role", ROLES)
def test_what_is_signed_by_keys_that_root_has_replaced_is_signed_anew(repo: Repo, role: str) -> None:
    root = next_root(repo.root, repo.now, LIMITS)
    [former] = root.roles[role].keyids
    root.revoke_key(former, role)
    root.add_key(repo.key(), role)
    repo.published = replace(repo.published, root=Metadata(root))

    after = {"root": {}, "targets": {"targets": 2, "snapshot": 2, "timestamp": 2}}
    assert versions(repo.publish()) == after.get(role, {role: 2} | {"timestamp": 2})
    assert [former] != repo.root.roles[role].keyids


def test_a_new_root_leaves_the_former_as_it_was(repo: Repo) -> None:
    before = repo.root.to_dict()
    root = next_root(repo.root, repo.now, LIMITS)
    root.roles["root"].keyids.clear()
    assert repo.root.to_dict() == before


def test_a_list_with_offline_keys_waits_for_them_and_the_former_stays(repo: Repo) -> None:
    repo.leave("targets")
    repo.want("a", "b")
    made = repo.publish()

    assert made.waits_for_targets
    assert versions(made) == {}
    repo.now += 3 * DAY
    assert versions(repo.publish()) == {"timestamp": 2}
    repo.want("a")
    assert not repo.publish().waits_for_targets


def test_offline_keys_are_waited_for_from_the_beginning() -> None:
    made = Repo()
    made.leave("targets")
    made.leave("root")
    outcome = made.publish()
    assert outcome.waits_for_targets
    assert (outcome.versions, outcome.due_at) == ([], None)


def test_a_root_with_offline_keys_is_left_to_them(repo: Repo) -> None:
    repo.leave("root")
    repo.now += 400 * DAY
    assert set(versions(repo.publish())) == {"targets", "snapshot", "timestamp"}


def test_a_threshold_takes_as_many_keys(repo: Repo) -> None:
    root = next_root(repo.root, repo.now, LIMITS)
    root.add_key(repo.key(), "targets")
    root.roles["targets"].threshold = 2
    repo.published = replace(repo.published, root=Metadata(root))
    assert versions(repo.publish()) == {"targets": 2, "snapshot": 2, "timestamp": 2}
    assert repo.published.targets is not None
    assert len(repo.published.targets.signatures) == 2

    del repo.private[root.roles["targets"].keyids[0]]
    repo.want("c")
    assert repo.publish().waits_for_targets


def test_what_was_read_back_has_the_bytes_that_were_signed_over(repo: Repo) -> None:
    for kind in (Targets, Snapshot, Timestamp):
        metadata = getattr(repo.published, kind.type)
        assert Metadata.from_bytes(metadata.to_bytes()).to_bytes() == metadata.to_bytes()
