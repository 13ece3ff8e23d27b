"""Log-ins over TLS: with a handshake of each kind, beside log-ins without TLS."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.carriers import Tls
from bench.figures import Figure, ratios
from bench.fleet import seed
from bench.load import online
from bench.measures.logins import storm
from bench.server import serving

_DEVICES: Final = 1_000
_ROUNDS: Final = 3
_FULL: Final = "TLS 1.3, full handshake"
_RESUMED: Final = "TLS 1.3, resumed"
_STATIC_RSA: Final = "TLS 1.2, static RSA, full handshake"


async def measure(directory: Path) -> list[Figure]:
    """1,000 devices log in again and again, in turn without TLS and with each kind of handshake."""
    [product] = await seed(directory / "data", _DEVICES + 1)
    identities = product.identities()
    plain: list[float] = []
    secure: dict[str, list[float]] = {name: [] for name in (_FULL, _RESUMED, _STATIC_RSA)}
    async with serving(directory / "data") as server:
        kinds = _kinds(server.data / "tls" / "ca.pem")
        async with online(server, identities[:1], below=kinds[_RESUMED]):
            pass  # the session that the others resume
        for _ in range(_ROUNDS):
            plain.append(await storm(server, identities))
            for name, kind in kinds.items():
                before = kind.resumed
                secure[name].append(await storm(server, identities, below=kind))
                assert kind.resumed - before == (_DEVICES if name == _RESUMED else 0), "sessions are resumed"
    note = f"{_DEVICES:,} devices; TCP connection to stored presence"
    return [
        Figure("log-ins without TLS", "1/CPU s", plain, note),
        *(Figure(f"log-ins, {name}", "1/CPU s", samples) for name, samples in secure.items()),
        *(Figure(f"log-ins, {name}, to those without TLS", "ratio", ratios(of, plain)) for name, of in secure.items()),
    ]


def _kinds(authority: Path) -> Mapping[str, Tls]:
    return {
        _FULL: Tls(authority),
        _RESUMED: Tls(authority, resumes=True),
        _STATIC_RSA: Tls(authority, ciphers="AES128-SHA"),
    }
