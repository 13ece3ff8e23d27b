"""The order in which a batch of reports is stored: in as few rounds as the answers allow."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from skyferry.bus.messages import PackageRequested, Report, VersionReported
from skyferry.fleet.names import DEFAULT_MODULE


def split(reports: Iterable[Report]) -> Sequence[Sequence[Report]]:
    """Puts a request for a package that follows a version of the same device into the round after it.

    A version may bring the device a task of a dynamic job, which it gets when a round is stored; most devices tell
    their version and ask in one breath. Nearly always there are one or two rounds. The reports of a device stay in
    their order; those of different devices are independent of each other.
    """
    rounds: list[list[Report]] = []
    place: dict[int, int] = {}
    reported: set[int] = set()
    for report in _taken_apart(reports):
        device = report.device_id
        if isinstance(report, PackageRequested) and device in reported:
            place[device] += 1
            reported.remove(device)
        elif isinstance(report, VersionReported):
            reported.add(device)
        number = place.setdefault(device, 0)
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(report)
    return rounds


def _taken_apart(reports: Iterable[Report]) -> Iterator[Report]:
    """The older form of request carries a version."""
    for report in reports:
        if isinstance(report, PackageRequested) and report.version is not None:
            yield VersionReported(report.device_id, report.module or DEFAULT_MODULE, report.version, report.at)
            yield dataclasses.replace(report, version=None)
        else:
            yield report
