"""Tables as CSV files (RFC 4180), written while they are read."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Final

from aiohttp import web

from skyferry.console.page import Page

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_BYTE_ORDER_MARK: Final = "\N{BYTE ORDER MARK}"
"""Tells spreadsheets that the file is in UTF-8."""


async def stream(
    page: Page, name: str, header: Sequence[str], rows: AsyncIterator[Sequence[Sequence[str]]]
) -> web.StreamResponse:
    """Sends a table; the portion that was read last is all that is kept in memory.

    Args:
        page: whose answer it is.
        name: of the file, without `.csv`.
        header: names of the columns.
        rows: the table in portions.

    Raises:
        skyferry.rpc.direct.CallError: the first portion was refused.
    """
    first = await anext(rows, ())
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{name}.csv"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
    )
    await response.prepare(page.request)
    await response.write((_BYTE_ORDER_MARK + text_of([header, *first])).encode())
    async for portion in rows:
        await response.write(text_of(portion).encode())
    await response.write_eof()
    return response


def text_of(rows: Sequence[Sequence[str]]) -> str:
    """Rows as lines of CSV."""
    written = io.StringIO()
    csv.writer(written).writerows([safe(cell) for cell in row] for row in rows)
    return written.getvalue()


def safe(cell: str) -> str:
    """The cell with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
