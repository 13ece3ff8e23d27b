"""How messages look on their way between processes: MessagePack, each with the name of its class before it.

A process of an older version passes over fields that it does not know, and takes defaults for those that it misses.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

import msgspec

from skyferry.bus import messages
from skyferry.bus.messages import Command, Report

_MESSAGES: Final[tuple[type[Any], ...]] = (
    messages.Connected,
    messages.Disconnected,
    messages.VersionReported,
    messages.ProgressReported,
    messages.PackageRequested,
    messages.NoticeUndelivered,
    messages.DeploymentRequested,
    messages.CancellationSettled,
    messages.Notice,
    messages.WithdrawPush,
    messages.DisconnectDevice,
    messages.SubDevicesDetached,
    messages.TellGateway,
)
_encoder: Final = msgspec.msgpack.Encoder()
_parcels: Final = msgspec.msgpack.Decoder(list[tuple[str, msgspec.Raw]])
_decoders: Final = {each.__name__: msgspec.msgpack.Decoder(each) for each in _MESSAGES}
_ARRAY_BYTES: Final = 5
"""Bytes that MessagePack may need to say how many messages follow."""


class WireError(ValueError):
    """These bytes are no messages, or messages of a newer version."""


def pack(items: Iterable[Report | Command], *, most_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Messages in as few parcels as possible, in their order.

    Args:
        items: what to send.
        most_bytes: bytes of the largest parcel; a message that is larger has a parcel of its own.

    Returns:
        Each parcel with the number of messages in it.
    """
    waiting: list[msgspec.Raw] = []
    size = _ARRAY_BYTES
    for item in items:
        encoded = _encoder.encode((type(item).__name__, item))
        if waiting and size + len(encoded) > most_bytes:
            yield _encoder.encode(waiting), len(waiting)
            waiting, size = [], _ARRAY_BYTES
        waiting.append(msgspec.Raw(encoded))
        size += len(encoded)
    if waiting:
        yield _encoder.encode(waiting), len(waiting)


def unpack_reports(parcel: bytes) -> list[Report]:
    """The reports in a parcel.

    Raises:
        WireError: it cannot be read.
    """
    return cast("list[Report]", _unpack(parcel))


def unpack_commands(parcel: bytes) -> list[Command]:
    """The commands in a parcel.

    Raises:
        WireError: it cannot be read.
    """
    return cast("list[Command]", _unpack(parcel))


def _unpack(parcel: bytes) -> list[Any]:
    try:
        return [_decoders[name].decode(encoded) for name, encoded in _parcels.decode(parcel)]
    except (msgspec.DecodeError, KeyError) as error:
        raise WireError(f"A parcel of {len(parcel)} bytes cannot be read: {error!r}") from error
