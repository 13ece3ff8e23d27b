"""`skyferry audit`: who changed what, and how it ended."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from sqlalchemy import Connection

from skyferry.cli.database import DEFAULT_DATA_DIR, Database, Directory, run, show, time
from skyferry.fleet import accounts
from skyferry.keys import SecretBox
from skyferry.store import audit as statements
from skyferry.store.audit import AuditFilter, AuditLine

_LINES: Final = 50
_FORMATS: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]


def audit(
    *,
    account: Annotated[str | None, typer.Option(help="Only this account; all of them if absent.")] = None,
    user: Annotated[str | None, typer.Option(help="Only this caller: root, a RAM user, role:session or cli.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this operation or command.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=_FORMATS, help="Not before this time, in UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=_FORMATS, help="Before this time, in UTC.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many of the latest records.")] = _LINES,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line, for programs.")] = False,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Show who changed what, from where, and how it ended; the latest first."""

    def work(tx: Connection, _: SecretBox) -> Sequence[AuditLine]:
        wanted = AuditFilter(
            account_id=None if account is None else accounts.account_named(tx, account).id,
            caller=user,
            action=action,
            since=_milliseconds(since),
            until=_milliseconds(until),
        )
        return statements.latest(tx, wanted, limit)

    found = run(data_dir, database, work)
    if as_json:
        for line in found:
            typer.echo(json.dumps(asdict(line) | {"at": time(line.at)}, ensure_ascii=False))
        return
    show(
        ("Time", "Account", "Instance", "Caller", "From", "Action", "Parameters", "Outcome", "RequestId"),
        (
            (
                time(line.at),
                line.account,
                line.instance or "",
                line.caller,
                line.source_address,
                line.action,
                ", ".join(f"{name}={value}" for name, value in line.parameters.items()),
                line.outcome,
                line.request_id,
            )
            for line in found
        ),
    )


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.replace(tzinfo=UTC).timestamp() * 1_000)
