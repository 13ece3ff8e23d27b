"""What a fleet counts."""

from collections import Counter, deque
from dataclasses import dataclass, field
from enum import StrEnum

_KEPT_COMPLAINTS = 50


class DeviceState(StrEnum):
    """Where a simulated device is."""

    OFFLINE = "offline"
    """Not connected: not started yet, restarting, or waiting for the next try."""
    IDLE = "idle"
    UPDATING = "updating"
    GONE = "gone"
    """Offline for good."""


@dataclass
class Tally:
    """Counters of a whole fleet since its start.

    Attributes:
        states: devices by state.
        versions: devices by the version that they run.
        connects: connections that the server accepted.
        refusals: CONNECTs that the server refused, by CONNACK code.
        unreachable: connections that were never made or never answered.
        losses: connections that the server or the network ended.
        refused_subscriptions: SUBSCRIBEs that the server did not grant.
        reports: version reports sent.
        pushes: upgrade pushes received, whatever became of them.
        pull_replies: answers to pulls, empty ones included.
        duplicate_pushes: pushes of the version that is being installed already, on the connection on which that began.
        overlapping_pushes: pushes that came while an update ran and that the server may send: on a newer connection,
            where it must think that the download is lost, or for another version.
        bad_messages: messages that real firmware would ignore or misread, or that offer what the device does not need.
        complaints: the newest of these, in words.
        downloads: files downloaded completely and correctly.
        downloaded_bytes: bytes received, those of unfinished downloads included.
        resumes: connections to the file server after a break.
        digest_failures: files that did not match their digest or size.
        http_errors: downloads that the file server refused or broke.
        updates: updates that ended with the target version reported.
        failures: failures reported, by step (-1..-4).
        wrong_versions: updates that ended with another version than the target.
    """

    states: Counter[DeviceState] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    connects: int = 0
    refusals: Counter[int] = field(default_factory=Counter)
    unreachable: int = 0
    losses: int = 0
    refused_subscriptions: int = 0
    reports: int = 0
    pushes: int = 0
    pull_replies: int = 0
    duplicate_pushes: int = 0
    overlapping_pushes: int = 0
    bad_messages: int = 0
    complaints: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_COMPLAINTS))
    downloads: int = 0
    downloaded_bytes: int = 0
    resumes: int = 0
    digest_failures: int = 0
    http_errors: int = 0
    updates: int = 0
    failures: Counter[int] = field(default_factory=Counter)
    wrong_versions: int = 0

    @property
    def online(self) -> int:
        """Devices with a connection."""
        return self.states[DeviceState.IDLE] + self.states[DeviceState.UPDATING]

    @property
    def violations(self) -> int:
        """What the server did against the protocol; zero when it is right."""
        return self.duplicate_pushes + self.bad_messages

    def complain(self, sentence: str) -> None:
        """Remembers what was wrong, in words."""
        self.complaints.append(sentence)

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()) if count)
        versions = ", ".join(f"{count} at {version}" for version, count in sorted(self.versions.items()) if count)
        counts = f"{self.pushes} pushes, {self.updates} updates, failures {dict(self.failures)}"
        return f"{states}; {versions}; {counts}; {self.violations} violations {list(self.complaints)[-3:]}"
