"""Uploads and downloads while the database is away."""

from pathlib import Path
from typing import NoReturn

import pytest

from skyferry.store.errors import StoreUnavailableError
from tests.unit.objects.forms_to_send import KEY, assert_is_error, body_of, signed
from tests.unit.objects.serving import serving


async def away(*_args: object, **_kwargs: object) -> NoReturn:
    raise StoreUnavailableError("The database does not answer.", OSError())


async def test_who_sends_or_fetches_a_file_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path) as server:
        assert (await server.post(body_of(signed([]), b"first"))).status == 204
        for name in ("read", "write"):
            monkeypatch.setattr(server.store, name, away)
        for reply in (await server.post(body_of(signed([]), b"second")), await server.get(KEY)):
            assert_is_error(reply, 503, "ServiceUnavailable")
            assert reply.header("Retry-After") == "30"
        monkeypatch.undo()
        assert (await server.get(KEY)).body == b"first"
