"""What a device has said that it runs, on its present connection.

A worker may offer it just that for a while: one that was behind when it sent the push, or that sent it while another
one applied the report.
"""

from functools import lru_cache

from skyferry.bus.messages import Notice, NoticeKind
from skyferry.devices.payloads import read_offer


class ToldVersions:
    """The latest versions of a few modules. Every device has one, so it takes little: many devices say the same."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        """Nothing was said yet."""
        self._told: tuple[tuple[str, str], ...] = ()

    def remember(self, module: str, version: str, *, most: int) -> None:
        """The device runs this version of a module, and none that it has said of it before.

        Args:
            module: the module.
            version: its version.
            most: of how many modules the last word is remembered.
        """
        others = (told for told in self._told if told[0] != module)
        self._told = (*others, _pair(module, version))[-most:]

    def offered_by(self, notice: Notice) -> tuple[str, str] | None:
        """The module and the version that a push offers, if the device runs that already."""
        if notice.kind is not NoticeKind.PUSH:
            return None
        if not any(version.encode() in notice.payload for _, version in self._told):  # most pushes need not be read
            return None
        offer = read_offer(notice.payload)
        return offer if offer in self._told else None


@lru_cache(maxsize=1_024)
def _pair(module: str, version: str) -> tuple[str, str]:
    return module, version
