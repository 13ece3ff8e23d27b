"""How a simulated device behaves: every knob, and the dice that are the same in every run with the same seed."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random

from skyferry.simulator.identity import ConnectStyle, DeviceIdentity

_MAX_PROGRESS_STEPS = 100


class Pull(StrEnum):
    """How a device asks for a package by itself (device-plane reference §2.7)."""

    NEVER = "never"
    GET = "get"
    REQUEST = "request"
    """The older way of the C SDK 3: question and answer on one topic."""


class Fate(StrEnum):
    """What becomes of one attempt to update."""

    SUCCEED = "succeed"
    FAIL_UPGRADE = "fail_upgrade"
    FAIL_DOWNLOAD = "fail_download"
    FAIL_VERIFY = "fail_verify"
    FAIL_FLASH = "fail_flash"
    WRONG_VERSION = "wrong_version"
    IGNORE = "ignore"
    """The device takes the push and says nothing more about it."""
    VANISH = "vanish"
    """The device goes offline in the download and stays offline."""
    POWER_CUT = "power_cut"
    """The device restarts in the download and comes back with its old version."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The dice of one attempt: its fate, and whether the HTTP connection breaks once on the way."""

    fate: Fate
    breaks_download: bool


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Everything that can differ between simulated devices. Probabilities are 0..1 for each attempt.

    Attributes:
        initial_version: what the device reports until an update succeeds.
        module: the module it reports for and updates; None is the default module.
        report_progress: False sends no percentages (as the Python SDK); failures are reported all the same.
        progress_steps: percentages for each file after the "0" at its start; the last one is "100".
        fail_upgrade: probability of reporting -1 before the download.
        fail_download: probability of giving up half way and reporting -2.
        fail_verify: probability of reporting -3 after the download.
        fail_flash: probability of reporting -4 after the installation.
        wrong_version: probability of coming back with a version that is neither source nor target.
        ignore: probability of never answering a push.
        vanish: probability of going offline in the download for good.
        power_cut: probability of a restart in the download.
        break_download: probability that the HTTP connection breaks half way; the device resumes with Range.
        install_seconds: time between the last byte and the restart.
        bytes_per_second: the speed of the device's link; None is as fast as it goes.
        start_spread_seconds: every device starts at a random moment within this time.
        reconnect_seconds: time offline after a restart, and before the first try after a lost connection.
        retry_most_seconds: the longest time between two tries to connect; it doubles up to this while they fail.
        subscribe: send a SUBSCRIBE for the upgrade and reply topics (Node SDK); otherwise rely on `_ss=1`.
        pull: ask for a package after every version report.
        report_qos: QoS of version reports, 0 or 1; progress is always QoS 0.
        strict_http: download with the C SDK's way of reading HTTP instead of a full client.
        download_dir: where files are kept as `<device>-<version>-<n>.bin`; None throws the bytes away.
        connect: how the device signs its CONNECT.
        seed: the same seed gives every device the same fates.
    """

    initial_version: str = "1.0.0"
    module: str | None = None
    report_progress: bool = True
    progress_steps: int = 4
    fail_upgrade: float = 0.0
    fail_download: float = 0.0
    fail_verify: float = 0.0
    fail_flash: float = 0.0
    wrong_version: float = 0.0
    ignore: float = 0.0
    vanish: float = 0.0
    power_cut: float = 0.0
    break_download: float = 0.0
    install_seconds: float = 0.0
    bytes_per_second: float | None = None
    start_spread_seconds: float = 0.0
    reconnect_seconds: float = 0.2
    retry_most_seconds: float = 30.0
    subscribe: bool = False
    pull: Pull = Pull.NEVER
    report_qos: int = 0
    strict_http: bool = False
    download_dir: Path | None = None
    connect: ConnectStyle = field(default_factory=ConnectStyle)
    seed: int = 0

    def __post_init__(self) -> None:
        for name, chance in (*self._chances(), ("break_download", self.break_download)):
            if not 0 <= chance <= 1:
                raise ValueError(f"{name} is a probability, 0 to 1, not {chance}.")
        if sum(chance for _, chance in self._chances()) > 1 + 1e-9:
            raise ValueError("The probabilities of the ways to fail add up to more than 1.")
        if not 1 <= self.progress_steps <= _MAX_PROGRESS_STEPS:
            raise ValueError(f"progress_steps is 1 to {_MAX_PROGRESS_STEPS}, not {self.progress_steps}.")
        if self.bytes_per_second is not None and self.bytes_per_second <= 0:
            raise ValueError(f"bytes_per_second must be positive, not {self.bytes_per_second}.")
        times = (self.install_seconds, self.start_spread_seconds, self.reconnect_seconds, self.retry_most_seconds)
        if min(times) < 0:
            raise ValueError("A time cannot be negative.")
        if self.report_qos not in (0, 1):
            raise ValueError(f"report_qos is 0 or 1, not {self.report_qos}.")
        if self.pull is Pull.REQUEST and self.module is not None:
            raise ValueError("The older request topic knows no modules.")

    def plan(self, identity: DeviceIdentity, version: str, attempt: int) -> Plan:
        """The dice of a device's attempt (counted from 1) to reach a version: always the same for the same seed."""
        dice = Random(f"{self.seed}/{identity.product_key}/{identity.device_name}/{version}/{attempt}")
        breaks_download = dice.random() < self.break_download
        point = dice.random()
        for name, chance in self._chances():
            if point < chance:
                return Plan(Fate(name), breaks_download)
            point -= chance
        return Plan(Fate.SUCCEED, breaks_download)

    def start_delay(self, identity: DeviceIdentity) -> float:
        """Seconds until this device connects for the first time."""
        dice = Random(f"{self.seed}/{identity.product_key}/{identity.device_name}/start")
        return dice.random() * self.start_spread_seconds

    def _chances(self) -> tuple[tuple[str, float], ...]:
        fates = (fate.value for fate in Fate if fate is not Fate.SUCCEED)
        return tuple((name, getattr(self, name)) for name in fates)
