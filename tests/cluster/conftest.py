"""A server of several processes: two take calls and devices, two store and push."""

from collections.abc import Iterator

import pytest

from tests.support.cluster import Cluster

PROCESSES = {"one": "api,gateway", "two": "api,gateway", "first-worker": "worker", "second-worker": "worker"}


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that all tests share, with a PostgreSQL that writes as in production and three servers of NATS.

    Who kills a part of it starts it again.
    """
    with Cluster(tmp_path_factory.mktemp("cluster"), PROCESSES, nats_nodes=3, crash_safe=True) as started:
        yield started
