"""A portion holds no more than it may, however the database finds it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from skyferry.ota.states import TaskStatus
from skyferry.store import cancelling as statements
from tests.support.rows import World
from tests.support.rows import world as make_world


@pytest.fixture
def world() -> Iterator[World]:
    """Where PostgreSQL runs a subquery again for each row that it compares with the result."""
    with make_world() as made:
        if made.tx.dialect.name == "postgresql":
            for way in ("hashjoin", "mergejoin", "hashagg", "sort", "material"):
                made.tx.execute(text(f"SET LOCAL enable_{way} = off"))
        yield made


def test_the_end_of_a_job_takes_a_portion(world: World) -> None:
    for number in range(6):
        world.make_device(f"dev{number}")
    job = world.make_job(world.make_package())
    ended = statements.end_of_job(
        world.tx,
        job.id,
        sources=[TaskStatus.QUEUED],
        target=TaskStatus.CANCELED,
        description="",
        now=world.now,
        limit=2,
    )
    assert len(ended) == 2
    assert list(world.states(job).values()).count(TaskStatus.CANCELED) == 2
