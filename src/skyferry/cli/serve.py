"""`skyferry serve`: runs the server until it is told to stop."""

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import uvloop
from pydantic import ValidationError
from pydantic_settings import SettingsError

from skyferry import logs, settings
from skyferry.app import Server, Started
from skyferry.datadir import DataDir, DataDirError, DataDirLock
from skyferry.errors import UnavailableError
from skyferry.fleet.accounts import AccountError
from skyferry.keys import KeyFileError
from skyferry.settings import Settings
from skyferry.starting import EngineAwayError, StartError, StartGivenUpError

_WRONG_SETTING: Final = 2
"""Starting again would not help: service managers are told not to (ops/systemd)."""
_TRY_AGAIN: Final = 1


def serve(  # noqa: PLR0917 - typer passes options by name
    data_dir: Annotated[Path | None, typer.Option(help="Database, package files and keys.")] = None,
    http: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="API, uploads and downloads.")] = None,
    mqtt: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Devices: plain MQTT and TLS.")] = None,
    mqtts: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Devices: TLS only.")] = None,
    https: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="What --http serves, over TLS.")] = None,
    downloads: Annotated[
        str | None, typer.Option(metavar="HOST:PORT[,…]", help="Downloads and registrations, HTTP and HTTPS.")
    ] = None,
    public_url: Annotated[str | None, typer.Option(help="The URL by which devices and applications come.")] = None,
    download_url: Annotated[
        str | None, typer.Option(help="The URL by which devices download, when it is another.")
    ] = None,
    database: Annotated[str | None, typer.Option(help="sqlite:///path or postgresql://…")] = None,
    objects: Annotated[
        str | None, typer.Option(metavar="URL", help="s3://BUCKET/PREFIX, for package files in an object store.")
    ] = None,
    nats: Annotated[
        str | None,
        typer.Option(metavar="URL", help="nats://HOST:PORT, for messages to others."),
    ] = None,
    roles: Annotated[
        str | None,
        typer.Option(metavar="ROLE[,…]", help="api, gateway, worker: what this process does."),
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(help="The master key, where it is not in the data directory.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file with settings.")] = None,
) -> None:
    """Run the server until Ctrl-C or SIGTERM. Every option is also a setting: SKYFERRY_HTTP and so on."""
    try:
        chosen = settings.load(
            config,
            data_dir=data_dir,
            http=http,
            mqtt=mqtt,
            mqtts=mqtts,
            https=https,
            downloads=downloads,
            public_url=public_url,
            download_url=download_url,
            database=database,
            objects=objects,
            nats=nats,
            roles=roles,
            key_file=key_file,
        )
    except ValidationError as error:
        raise _refused(*[_sentence(item["loc"], item["msg"]) for item in error.errors()]) from None
    except SettingsError as error:
        raise _refused(f"A setting in the environment is not right: {error}") from None
    except (OSError, ValueError) as error:
        raise _refused(f"The file {config} cannot be used: {error}") from None
    logs.configure(chosen.log_level, chosen.log_format)
    try:
        with DataDirLock(DataDir(chosen.data_dir)):
            uvloop.run(_run(chosen))
    except StartGivenUpError:
        return
    except (EngineAwayError, UnavailableError) as error:
        raise _refused(str(error), code=_TRY_AGAIN) from None
    except (DataDirError, KeyFileError, AccountError, StartError, ValueError) as error:
        raise _refused(str(error)) from None


async def _run(chosen: Settings) -> None:
    stop, hurry, loop = asyncio.Event(), asyncio.Event(), asyncio.get_running_loop()

    def told() -> None:
        (hurry if stop.is_set() else stop).set()
        server.give_up()

    server = Server(chosen)
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, told)
    started = await server.start()
    loop.add_signal_handler(signal.SIGHUP, server.reload)
    _announce(started)
    try:
        await stop.wait()
        await _unless(hurry, server.drain())
    finally:
        await server.stop()


async def _unless(told: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Does the work, but gives it up when the event comes before its end."""
    tasks = asyncio.create_task(work), asyncio.create_task(told.wait())
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _announce(started: Started) -> None:
    if started.new_root_key is not None:
        key = started.new_root_key
        print(f"root AccessKey, shown this once: {key.access_key_id} {key.secret}", flush=True)
    if started.new_root_password is not None:
        password = started.new_root_password
        print(
            f"sign in to {started.public_url}/console/ as root; the password, shown this once: {password}", flush=True
        )
    print(f"ready {started.endpoints}", flush=True)


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    name = ".".join(str(part) for part in location)
    return f"The setting {name} is not right: {message.removeprefix('Value error, ')}"


def _refused(*sentences: str, code: int = _WRONG_SETTING) -> typer.Exit:
    for sentence in sentences:
        typer.echo(sentence, err=True)
    return typer.Exit(code)
