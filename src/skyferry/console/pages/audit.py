"""The audit log: who changed what, from where, and how it ended."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from skyferry.console import export, reading
from skyferry.console.page import PAGE_SIZE, Page
from skyferry.console.problems import STATUS, Problem
from skyferry.console.routing import Pages
from skyferry.rpc.direct import CallError

pages = Pages()
_LARGEST_PAGE: Final = 200
_MOST_PAGES: Final = 500
"""Of an exported table: 100,000 records. Longer ones are exported by their times."""
_HEADER: Final = ("UtcTime", "Caller", "Action", "Outcome", "SourceAddress", "AccessKeyId", "RequestId", "Parameters")


@pages.get("/audit")
async def show(page: Page) -> web.StreamResponse:
    """The records, the latest first; as a CSV file too."""
    if page.query.get("format") == "csv":
        return await export.stream(page, "audit", _HEADER, _portions(page))
    problem = None
    try:
        answer = await page.call(
            "QueryAuditRecords", **_filter(page), PageSize=PAGE_SIZE, NextToken=page.query.get("after")
        )
    except CallError as error:
        problem, answer = Problem.of(error), {"Data": {"AuditRecord": ()}}
    return page.render(
        "audit/list.html",
        status=STATUS if problem else 200,
        records=answer["Data"]["AuditRecord"],
        token=answer.get("NextToken"),
        problem=problem,
    )


def _filter(page: Page) -> Mapping[str, Any]:
    query = page.query
    return {
        "Caller": query.get("caller", "").strip(),
        "Action": query.get("action", "").strip(),
        "Outcome": query.get("outcome", "").strip(),
        "StartTime": reading.moment(query.get("since", "")),
        "EndTime": reading.moment(query.get("until", "")),
    }


async def _portions(page: Page) -> AsyncIterator[Sequence[Sequence[str]]]:
    token = None
    for _number in range(_MOST_PAGES):
        answer = await page.call("QueryAuditRecords", **_filter(page), PageSize=_LARGEST_PAGE, NextToken=token)
        yield [row_of(record) for record in answer["Data"]["AuditRecord"]]
        token = answer.get("NextToken")
        if token is None:
            return


def row_of(record: Mapping[str, Any]) -> Sequence[str]:
    """A record as a row of the exported table."""
    parameters = "; ".join(f"{item['Name']}={item['Value']}" for item in record["Parameters"])
    return [*(record.get(name, "") for name in _HEADER[:-1]), parameters]
