"""The gateway's own codes: each is the subject of a test."""

from functools import partial
from pathlib import Path

import pytest

from skyferry.errors import ErrorKind
from skyferry.rpc import gateway, gateway_errors
from skyferry.rpc.nonces import NonceCache
from tests.unit.rpc.support import serving

CODES = sorted({kind.code for kind in vars(gateway_errors).values() if isinstance(kind, ErrorKind)})
TESTS = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))


async def test_a_key_that_used_too_many_nonces_has_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "NonceCache", partial(NonceCache, most_per_key=1))
    async with serving() as server:
        assert (await server.v1()).status == 200
        reply = await server.v1()

    assert (reply.status, reply.code) == (400, "Throttling")
    assert reply.headers["x-acs-retry-after"] == "60000"


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_seen_on_a_socket(code: str) -> None:
    assert f'"{code}"' in TESTS
