"""`skyferry import aliyun`: copies a fleet into this server (docs/guide/import.md). Works while the server runs."""

import asyncio
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import aiohttp
import typer
from rich.console import Console
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from yarl import URL

from skyferry import configuration
from skyferry.cli.database import Account, database_sentence, fail, key_ring, server_settings, write_down
from skyferry.cli.moving_keys import access_key
from skyferry.cli.moving_progress import MovingProgress, show_plan, show_report
from skyferry.clock import SystemClock
from skyferry.datadir import DataDir
from skyferry.fleet import accounts
from skyferry.fleet.accounts import AccountError
from skyferry.keys import SecretBox
from skyferry.moving import copying
from skyferry.moving.client import AccessKey, ApiClient
from skyferry.moving.errors import AwayError, RefusedError
from skyferry.moving.limits import MovingLimits
from skyferry.moving.move import Move, Target, Wanted
from skyferry.moving.pace import Pace
from skyferry.moving.report import Kind, Report
from skyferry.moving.source import Source
from skyferry.moving.survey import survey
from skyferry.objects.uploads import Uploads
from skyferry.operations import OPERATIONS
from skyferry.settings import Settings
from skyferry.store import accounts as account_statements
from skyferry.store.accounts import InstanceRecord
from skyferry.store.engine import Store

app = typer.Typer(help="Move in: copy a fleet from elsewhere (docs/guide/import.md).", no_args_is_help=True)

_LEFT_OUT: Final = (Kind.TAGS, Kind.MODULES, Kind.PACKAGES, Kind.GROUPS)
_QUOTAS: Final = {name: operation.qps for name, operation in OPERATIONS.items()} | {"QueryDeviceGroupTagList": 50}
_HERE: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_INCOMPLETE: Final = 1
_AGAIN: Final = "Run the import again: it goes on where it ended."


@dataclass(frozen=True, slots=True)
class _Order:
    """What the command was told."""

    settings: Settings
    account: str
    to_instance: str | None
    key: AccessKey
    endpoint: str
    instance: str | None
    authority: Path | None
    share: float
    wanted: Wanted
    dry: bool
    limits: MovingLimits


@app.callback()
def moving() -> None:
    """Move in: copy a fleet from elsewhere (docs/guide/import.md)."""


@app.command("aliyun")
def aliyun(
    *,
    region: Annotated[str, typer.Option(help="Where the other platform's instance is.")] = "cn-shanghai",
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="The other platform's API, where it is no region: a Skyferry.")
    ] = None,
    instance: Annotated[str | None, typer.Option(help="The IotInstanceId there; needed where it has one.")] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="TOML with access_key_id, access_key_secret and security_token;"
            " without it ALIBABA_CLOUD_ACCESS_KEY_ID, …_ACCESS_KEY_SECRET and …_SECURITY_TOKEN are read.",
        ),
    ] = None,
    products: Annotated[
        list[str] | None, typer.Option(metavar="PRODUCT_KEY", help="Only this product; repeatable.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Leave out tags, modules, packages or groups; repeatable.")
    ] = None,
    tags_again: Annotated[
        bool, typer.Option("--tags-again", help="Read the tags of devices again that are here already.")
    ] = False,
    share: Annotated[
        float, typer.Option(min=0.01, max=1, help="Which part of the account's calls per second is used.")
    ] = 0.5,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what there is to copy, and change nothing.")] = False,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report there too, as JSON.")] = None,
    authority: Annotated[
        Path | None, typer.Option("--ca", metavar="FILE", help="The authority of the endpoint's certificate (PEM).")
    ] = None,
    account: Account = accounts.ROOT,
    to_instance: Annotated[
        str | None, typer.Option(help="The IotInstanceId here; the account's default instance if absent.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The server's data directory.")] = None,
    database: Annotated[str | None, typer.Option(help="The database, where it is not in the data directory.")] = None,
    objects: Annotated[
        str | None, typer.Option(metavar="URL", help="s3://BUCKET or s3://BUCKET/PREFIX, as of the server.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="The server's TOML file with settings.")] = None,
) -> None:
    """Copy products, devices with their secrets, tags, modules, packages and groups from the original platform.

    Run it again at any time: it copies what is missing or has changed, and goes on where it was ended.
    """
    order = _Order(
        settings=server_settings(config, data_dir=data_dir, database=database, objects=objects),
        account=account,
        to_instance=to_instance,
        key=access_key(keys),
        endpoint=_endpoint(endpoint, region),
        instance=instance,
        authority=authority,
        share=share,
        wanted=Wanted(frozenset(products) if products else None, _left_out(without or []), tags_again),
        dry=dry_run,
        limits=MovingLimits(),
    )
    result = Report(order.limits)
    try:
        ended = _carried_out(order, result)
    finally:
        if report is not None:
            _write(report, result)
    if not ended:
        fail(result.stopped or "")
    show_report(Console(), result, dry=order.dry)
    if not result.is_complete:
        raise typer.Exit(_INCOMPLETE)


def _carried_out(order: _Order, report: Report) -> bool:
    """Runs the import; False when it could not go on, and the report says why."""
    try:
        asyncio.run(_run(order, report))
    except KeyboardInterrupt:
        report.stopped = f"Interrupted. {_AGAIN}"
    except RefusedError as problem:
        report.stopped = f"{problem}. {problem.remedy}"
        return False
    except (AccountError, AwayError, ValueError) as problem:
        report.stopped = str(problem)
        return False
    except DBAPIError as problem:
        report.stopped = database_sentence(problem)
        return False
    except OSError as problem:
        report.stopped = f"{problem}. {_AGAIN}"
        return False
    return True


async def _run(order: _Order, report: Report) -> None:
    chosen = order.settings
    directory, ring = DataDir(chosen.data_dir), key_ring(chosen.data_dir)
    box, clock = SecretBox(ring.derive("secrets")), SystemClock()
    objects = configuration.object_store(chosen, directory, owner=ring.derive("objects").hex())
    limits = configuration.postgresql_limits(chosen)
    store = Store(chosen.database or str(directory.database), limits, application="skyferry-import")
    try:
        place = await store.read(_place, order.account, order.to_instance)
        target = Target(
            store=store,
            uploads=Uploads(store, objects, box, clock, configuration.object_limits(chosen)),
            box=box,
            clock=clock,
            engine_limits=configuration.engine_limits(chosen),
            account_id=place.account_id,
            instance_id=place.id,
        )
        await _move(order, target, report)
    finally:
        await store.close()


async def _move(order: _Order, target: Target, report: Report) -> None:
    connector = aiohttp.TCPConnector(limit=order.limits.connections, ssl=_context(order.authority))
    pace = Pace(_QUOTAS, order.share)
    async with aiohttp.ClientSession(connector=connector) as http:
        client = ApiClient(http, order.endpoint, order.key, pace, instance=order.instance, limits=order.limits)
        with MovingProgress(Console(stderr=True)) as progress:
            move = Move(Source(client), target, order.wanted, report, progress, order.limits)
            plan = await survey(move)
            show_plan(Console(), plan, order.share, tags=order.wanted.has(Kind.TAGS))
            if order.dry:
                return
            await target.store.write(_note, order)
            objects = target.uploads.objects
            await objects.start()
            try:
                await copying.copy(move, plan)
            finally:
                await objects.close()


def _place(tx: Connection, account: str, instance: str | None) -> InstanceRecord:
    owner = accounts.account_named(tx, account)
    for known in account_statements.instances_of(tx, owner.id):
        if known.is_default if instance is None else known.name == instance:
            return known
    raise AccountError(f"The account {account} has no instance {instance}.")


def _note(tx: Connection, order: _Order) -> None:
    parameters = {"Endpoint": order.endpoint, "AccessKeyId": order.key.access_key_id}
    if order.instance is not None:
        parameters["IotInstanceId"] = order.instance
    write_down(tx, accounts.account_named(tx, order.account), "import aliyun", parameters)


def _endpoint(endpoint: str | None, region: str) -> str:
    """The URL of the API; a sentence and exit code 2 when it is none."""
    text = endpoint or f"https://iot.{region}.aliyuncs.com"
    try:
        url = URL(text)
    except ValueError:
        url = URL()
    if url.scheme not in {"http", "https"} or not url.host or url.path not in {"", "/"}:
        fail(f"{text} is not http://HOST or https://HOST, with a port where it is not the usual one.")
    if url.scheme == "http" and url.host not in _HERE:
        typer.secho(
            f"Secrets of devices come from {text} without encryption: anyone on the way can read them.",
            err=True,
            fg=typer.colors.YELLOW,
        )
    return text


def _write(path: Path, report: Report) -> None:
    try:
        path.write_text(json.dumps(report.as_json(), ensure_ascii=False, indent=2) + "\n")
    except OSError as problem:
        fail(f"The report cannot be written: {problem}.")


def _left_out(names: list[str]) -> frozenset[Kind]:
    """What is not copied; packages need their modules, so without these there are no packages either."""
    unknown = set(names) - {kind.value for kind in _LEFT_OUT}
    if unknown:
        fail(f"--without takes {', '.join(_LEFT_OUT)}, not {', '.join(sorted(unknown))}.")
    chosen = {Kind(name) for name in names}
    return frozenset(chosen | {Kind.PACKAGES} if Kind.MODULES in chosen else chosen)


def _context(authority: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as problem:
        fail(f"{authority} cannot be used: {problem}.")
