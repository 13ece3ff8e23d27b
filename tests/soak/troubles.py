"""What goes wrong in a long life: processes and engines die or are restarted, and the way to the devices is bad."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random
from threading import Event
from typing import Final

from tests.support.cluster import Cluster
from tests.support.network import CALM, BadNetwork, Weather

_log: Final = logging.getLogger(__name__)

STORM: Final = Weather(delay_s=0.05, cut=0.02, truncate=0.02, duplicate=0.3)
_STORM_SECONDS: Final = 10
_LONGEST_ABSENCE_SECONDS: Final = 5


class Troubles:
    """One trouble after the other: what was ended is there again before the next one.

    Attributes:
        seen: how often each trouble came.
    """

    def __init__(self, cluster: Cluster, networks: Sequence[BadNetwork], dice: Random) -> None:
        self.seen: Counter[str] = Counter()
        self._cluster = cluster
        self._networks = networks
        self._dice = dice

    def go_on(self, over: Event) -> None:
        """Lets every trouble come once in a random order, and again until it is over."""
        while not self.seen or not over.is_set():
            troubles = list(self._all())
            self._dice.shuffle(troubles)
            for name, trouble in troubles:
                if self.seen.total() >= len(troubles) and over.is_set():
                    break
                _log.info("%s", name)
                trouble()
                self.seen[name] += 1
                time.sleep(self._dice.uniform(1, 4))

    def calm_down(self) -> None:
        """From now on nothing goes wrong; who waits for an answer that was lost connects again."""
        for network in self._networks:
            network.weather = CALM
            network.cut_all()

    def _all(self) -> Iterator[tuple[str, Callable[[], None]]]:
        for name in self._cluster.processes:
            yield f"{name} killed", lambda name=name: self._end(name, gently=False)  # type: ignore[misc]
            yield f"{name} restarted", lambda name=name: self._end(name, gently=True)  # type: ignore[misc]
        yield "PostgreSQL killed", self._kill_postgresql
        yield "PostgreSQL restarted", self._cluster.postgresql.restart
        yield "NATS server killed", self._kill_nats
        yield "connections cut", self._cut
        yield "storm", self._storm

    def _absence(self) -> None:
        time.sleep(self._dice.uniform(0, _LONGEST_ABSENCE_SECONDS))

    def _end(self, name: str, *, gently: bool) -> None:
        process = self._cluster.processes[name]
        if gently:
            process.stop()
        else:
            process.kill()
        self._absence()
        process.start()

    def _kill_postgresql(self) -> None:
        self._cluster.postgresql.kill()
        self._absence()
        self._cluster.postgresql.start()

    def _kill_nats(self) -> None:
        node = self._dice.choice(self._cluster.nats.nodes)
        node.kill()
        self._absence()
        node.start()

    def _cut(self) -> None:
        for network in self._networks:
            network.cut_all()

    def _storm(self) -> None:
        for network in self._networks:
            network.weather = replace(STORM, delay_s=self._dice.uniform(0, STORM.delay_s))
        time.sleep(_STORM_SECONDS)
        for network in self._networks:
            network.weather = CALM
