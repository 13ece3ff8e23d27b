"""Where a request comes from: from its connection, or from what a proxy in front of the server says.

Anyone can write `X-Forwarded-For`: it counts only when the connection comes from a proxy that the settings trust.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import web

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from.

    Attributes:
        address: the IP address of the caller; empty when it is not known.
        secure: the caller spoke TLS.
    """

    address: str
    secure: bool


def origin_of(request: web.Request, trusted: Sequence[Network]) -> Origin:
    """The origin of a request.

    Each proxy adds the address of its peer at the end of `X-Forwarded-For`, so the caller is the last one that is no
    trusted proxy itself; whatever stands before it is the caller's own word.

    Args:
        request: as aiohttp gives it.
        trusted: networks of the proxies whose headers count.
    """
    peer = request.remote or ""
    if not trusted or not _within(peer, trusted):
        return Origin(peer, request.secure)
    address = peer
    for hop in reversed(_listed(request, "X-Forwarded-For")):
        if _read(hop) is None:
            break
        address = hop
        if not _within(hop, trusted):
            break
    schemes = _listed(request, "X-Forwarded-Proto")
    return Origin(address, schemes[-1].lower() == "https" if schemes else request.secure)


def _listed(request: web.Request, name: str) -> list[str]:
    """The entries of a header that may come several times, each with commas."""
    return [part.strip() for value in request.headers.getall(name, ()) for part in value.split(",")]


def _within(text: str, networks: Sequence[Network]) -> bool:
    address = _read(text)
    return address is not None and any(address in network for network in networks)


def _read(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
