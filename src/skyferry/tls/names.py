"""What the server's certificate is for."""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_ALWAYS: Final = ("localhost", "127.0.0.1")


def certificate_names(urls: Iterable[str], hosts: Iterable[str], further: Iterable[str]) -> list[str]:
    """The names in the order of their importance, each once, as certificates spell them.

    Args:
        urls: URLs under which the server is reached.
        hosts: hosts that it listens on; those that stand for all addresses name nothing.
        further: what the operator adds.
    """
    of_urls = (urlsplit(url).hostname or "" for url in urls)
    names = (_spelled(name) for name in (*of_urls, *further, *hosts, *_ALWAYS))
    return list(dict.fromkeys(name for name in names if name))


def _spelled(name: str) -> str:
    """A name as a certificate has it; empty for none and for an address that stands for all."""
    try:
        address = ip_address(name)
    except ValueError:
        return name.lower().rstrip(".")
    return "" if address.is_unspecified else str(address)
