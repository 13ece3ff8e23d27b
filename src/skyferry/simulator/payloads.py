"""Messages of a device, read and written as the C SDKs do: by flat text search, not by a JSON parser.

The C SDKs look for the first `"key":` in the text and take what stands directly behind the colon. They skip no blanks,
undo no escapes and know no nesting. Whatever this module refuses would be ignored, or worse, misread, in the field
(device-plane reference §2.5 and §7).
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from skyferry.simulator.transfer import FileSpec

_MAX_PAYLOAD_BYTES = 2048
_MAX_URL_CHARS = 256
_MAX_HOST_CHARS = 127
_MAX_FILES = 20
_MAX_STREAM = 999_999_999
_MIN_FILES = 2
_SIGN_LENGTHS = {"Md5": 32, "SHA256": 64}
_MD5_LENGTH = 32
_NUMBER = re.compile(r"\d+")
_HEX = re.compile(r"[0-9a-f]+")


class NoticeError(ValueError):
    """A push or answer that real firmware would ignore or misread; the message says why."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A package that the server offers.

    Attributes:
        version: the target version.
        module: the module; None is the default module.
        files: what to download, at least one.
    """

    version: str
    module: str | None
    files: tuple[FileSpec, ...]


def flat_value(text: str, key: str) -> str | None:
    """The raw text behind the first `"key":`: a string without its quotes, digits, or a bracketed value whole.

    Raises:
        NoticeError: something stands there that the C SDKs cannot read, such as a blank.
    """
    mark = f'"{key}":'
    at = text.find(mark)
    if at < 0:
        return None
    rest = text[at + len(mark) :]
    if rest.startswith('"'):
        end = rest.find('"', 1)
        value = rest[1:end] if end > 0 else None
    elif rest.startswith(("{", "[")):
        value = _bracketed(rest)
    else:
        number = _NUMBER.match(rest)
        value = number.group() if number else None
    if value is None:
        raise NoticeError(f'"{key}": is followed by {rest[:12]!r}, which a C SDK cannot read.')
    return value


def parse_push(payload: bytes) -> Notice:
    """Reads a push (§2.2, §2.3).

    Raises:
        NoticeError: real firmware would not act on it.
    """
    notice = _parse(payload, code='"code":"1000"')
    if notice is None:
        raise NoticeError("A push must offer a package, its data is empty.")
    return notice


def parse_pull_reply(payload: bytes) -> Notice | None:
    """Reads the answer to a pull (§2.7); None when there is nothing to install.

    Raises:
        NoticeError: real firmware would not act on it.
    """
    return _parse(payload, code='"code":200')


def parse_request_answer(payload: bytes) -> Notice | None:
    """Reads the answer on the older request topic, which has the form of a push; None when there is nothing to install.

    Raises:
        NoticeError: real firmware would not act on it.
    """
    return _parse(payload, code='"code":"1000"')


def inform(message_id: int, version: str, module: str | None) -> bytes:
    """A version report (§2.1)."""
    return _compact({"id": message_id, "params": _with_module({"version": version}, module)})


def progress(message_id: int, step: int, description: str, module: str | None) -> bytes:
    """A progress report: 0..100, or -1..-4 for a failure; sent as text (§2.6)."""
    return _compact({"id": message_id, "params": _with_module({"step": str(step), "desc": description}, module)})


def firmware_get(message_id: int, module: str | None) -> bytes:
    """A pull (§2.7)."""
    envelope = {"id": str(message_id), "version": "1.0", "params": _with_module({}, module)}
    return _compact(envelope | {"method": "thing.ota.firmware.get"})


def older_request(message_id: int, version: str) -> bytes:
    """A pull in the manner of the C SDK 3 (§2.7)."""
    return _compact({"id": str(message_id), "params": {"version": version}})


def is_own_request(payload: bytes) -> bool:
    """True for a request that came back on the topic it was sent to, instead of an answer."""
    return b'"params":' in payload and b'"code":' not in payload


def _with_module(params: dict[str, str], module: str | None) -> dict[str, str]:
    return params if module is None else params | {"module": module}


def _compact(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


def _bracketed(text: str) -> str | None:
    depth = 0
    in_string = False
    for at, char in enumerate(text):
        if char == '"':
            in_string = not in_string
        elif not in_string and char in "{[":
            depth += 1
        elif not in_string and char in "}]":
            depth -= 1
            if depth == 0:
                return text[: at + 1]
    return None


def _parse(payload: bytes, code: Literal['"code":"1000"', '"code":200']) -> Notice | None:
    if len(payload) > _MAX_PAYLOAD_BYTES:
        raise NoticeError(f"The message has {len(payload)} bytes, devices hold {_MAX_PAYLOAD_BYTES}.")
    try:
        text = payload.decode()
        document = json.loads(text)
    except ValueError as error:
        raise NoticeError(f"The message is not UTF-8 JSON: {error}.") from None
    if not isinstance(document, dict) or not isinstance(document.get("data"), dict):
        raise NoticeError("The message has no data object.")
    if code not in text:
        raise NoticeError(f"The message does not say {code}.")
    if flat_value(text, "data") == "{}":
        return None
    if '"message":"success"' not in text:
        raise NoticeError('The message does not say "message":"success", the C SDK 3 ignores it.')
    return _notice(text[text.index('"data":') :], document["data"])


def _notice(text: str, data: dict[str, Any]) -> Notice:
    if "extData" in data and list(data)[-1] != "extData":
        raise NoticeError("extData must stand last, its tags could be taken for the package's own values.")
    version = _string(text, data, "version")
    sign_method = _string(text, data, "signMethod")
    if sign_method not in _SIGN_LENGTHS:
        raise NoticeError(f"signMethod is {sign_method!r}; devices know Md5 and SHA256.")
    module = _string(text, data, "module") if "module" in data else None
    if "files" in data:
        return Notice(version, module, _several_files(text, data, sign_method))
    md5, sign = _string(text, data, "md5"), _string(text, data, "sign")
    file = FileSpec(
        url=_stream(text, data) if data.get("dProtocol") == "mqtt" else _url(_string(text, data, "url")),
        size=_number(text, data, "size"),
        md5=_digest("md5", md5, _MD5_LENGTH),
        sign=_digest("sign", sign, _SIGN_LENGTHS[sign_method]),
        sign_method=sign_method,
    )
    return Notice(version, module, (file,))


def _several_files(text: str, data: dict[str, Any], sign_method: str) -> tuple[FileSpec, ...]:
    unwanted = {"url", "size", "sign", "md5"} & data.keys()
    if unwanted:
        raise NoticeError(f"A push of several files must not carry {', '.join(sorted(unwanted))} at the top.")
    entries = data["files"]
    if not isinstance(entries, list) or not _MIN_FILES <= len(entries) <= _MAX_FILES:
        raise NoticeError(f"files must hold {_MIN_FILES} to {_MAX_FILES} entries; one file goes in the flat form.")
    array = flat_value(text, "files")
    if array is None or json.loads(array) != entries:
        raise NoticeError("A C SDK would find another files than the package's.")
    files = []
    for entry in entries:
        body = _compact(entry).decode()
        if body not in array:
            raise NoticeError("An entry of files has blanks or escapes, a C SDK cannot read it.")
        file = FileSpec(
            url=_url(_string(body, entry, "fileUrl")),
            size=_number(body, entry, "fileSize"),
            md5=_digest("fileMd5", _string(body, entry, "fileMd5"), _MD5_LENGTH),
            sign=_digest("fileSign", _string(body, entry, "fileSign"), _SIGN_LENGTHS[sign_method]),
            sign_method=sign_method,
        )
        _string(body, entry, "fileName")
        files.append(file)
    return tuple(files)


def _string(text: str, data: dict[str, Any], key: str) -> str:
    meant = data.get(key)
    if not isinstance(meant, str):
        raise NoticeError(f"{key} is missing or no string.")
    found = flat_value(text, key)
    if found != meant:
        raise NoticeError(f"A C SDK would read {key} as {found!r} instead of {meant!r}.")
    return meant


def _number(text: str, data: dict[str, Any], key: str) -> int:
    meant = data.get(key)
    if not isinstance(meant, int) or isinstance(meant, bool) or meant < 0:
        raise NoticeError(f"{key} is missing or no whole number.")
    found = flat_value(text, key)
    if found != str(meant):
        raise NoticeError(f"A C SDK would read {key} as {found!r} instead of {meant}.")
    return meant


def _digest(key: str, value: str, length: int) -> str:
    if len(value) != length or not _HEX.fullmatch(value):
        raise NoticeError(f"{key} must be {length} lower-case hex digits, not {value!r}.")
    return value


def _stream(text: str, data: dict[str, Any]) -> str:
    """The address of a file that comes over MQTT (§2.4), as `skyferry.simulator.stream` takes it."""
    if "url" in data:
        raise NoticeError("A package that comes over MQTT has no url.")
    number = _number(text, data, "streamId")
    if number > _MAX_STREAM:
        raise NoticeError(f"streamId is {number}, devices hold nine digits.")
    return f"mqtt:{number}/{_number(text, data, 'streamFileId')}"


def _url(url: str) -> str:
    host = urlsplit(url).hostname or ""
    if not url.startswith(("http://", "https://")) or not host:
        raise NoticeError(f"{url!r} is no http or https address.")
    if len(url) > _MAX_URL_CHARS:
        raise NoticeError(f"The address has {len(url)} characters, devices hold {_MAX_URL_CHARS}.")
    if len(host) > _MAX_HOST_CHARS:
        raise NoticeError(f"The host has {len(host)} characters, devices hold {_MAX_HOST_CHARS}.")
    return url
