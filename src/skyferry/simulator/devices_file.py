"""The list of devices to simulate: CSV with a header line, or one JSON object per line."""

import csv
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from skyferry.simulator.identity import DeviceIdentity

_FIELDS = tuple(field.name for field in fields(DeviceIdentity))


class DevicesFileError(ValueError):
    """The file cannot be used; the message names the line and what is wrong with it."""


def read_devices(path: Path) -> list[DeviceIdentity]:
    """Reads the devices.

    Raises:
        DevicesFileError: the file is missing, empty, or has a bad line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DevicesFileError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise DevicesFileError(f"{path} is not UTF-8 text.") from None
    rows = _json_rows(path, text) if text.lstrip().startswith("{") else _csv_rows(path, text)
    first_lines: dict[tuple[str, str], int] = {}
    devices = []
    for line, row in rows:
        device = _device(path, line, row)
        first = first_lines.setdefault((device.product_key, device.device_name), line)
        if first != line:
            raise DevicesFileError(
                f"{path}, line {line}: {device.device_name} of {device.product_key} stands in line {first} already."
            )
        devices.append(device)
    if not devices:
        raise DevicesFileError(f"{path} lists no device.")
    return devices


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, object]]]:
    reader = csv.reader(text.splitlines())
    header = [name.strip() for name in next(reader, [])]
    missing = [name for name in _FIELDS if name not in header]
    if missing:
        raise DevicesFileError(
            f"{path}, line 1: the header must name {', '.join(_FIELDS)}; it lacks {', '.join(missing)}."
        )
    for row in reader:
        if not row:
            continue
        if len(row) != len(header):
            raise DevicesFileError(
                f"{path}, line {reader.line_num}: {len(row)} values, the header names {len(header)}."
            )
        yield reader.line_num, dict(zip(header, row, strict=True))


def _json_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, object]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DevicesFileError(f"{path}, line {number}: not JSON ({error}).") from None
        if not isinstance(row, dict):
            raise DevicesFileError(f"{path}, line {number}: not a JSON object.")
        yield number, row


def _device(path: Path, line: int, row: dict[str, object]) -> DeviceIdentity:
    values = {}
    for name in _FIELDS:
        value = row.get(name)
        if not isinstance(value, str) or not value.strip():
            raise DevicesFileError(f"{path}, line {line}: {name} is missing or empty.")
        values[name] = value.strip()
    return DeviceIdentity(**values)
