"""The reference client of TUF against a started server, as a device or an auditor runs it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuf.api.metadata import TargetFile
from tuf.ngclient import Updater, UpdaterConfig


@dataclass(frozen=True)
class TufClient:
    """A client with a directory of its own, which trusts the root that it was born with and those that follow it."""

    directory: Path
    metadata_url: str
    targets_url: str
    root: bytes

    def updater(self) -> Updater:
        """One session: it looks for new metadata once, before the first target."""
        for name in ("metadata", "targets"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        return Updater(
            str(self.directory / "metadata"),
            self.metadata_url,
            str(self.directory / "targets"),
            self.targets_url,
            config=UpdaterConfig(app_user_agent="skyferry-tests"),
            bootstrap=self.root,
        )

    def refresh(self) -> Updater:
        """A session that has looked for new metadata.

        Raises:
            tuf.api.exceptions.RepositoryError: metadata cannot be trusted.
        """
        updater = self.updater()
        updater.refresh()
        return updater

    def target(self, name: str) -> TargetFile | None:
        """What is said of a target now."""
        return self.updater().get_targetinfo(name)

    def download(self, name: str) -> bytes:
        """A target that is what the metadata says."""
        updater = self.updater()
        info = updater.get_targetinfo(name)
        assert info is not None, f"there is no target {name}"
        return Path(updater.download_target(info)).read_bytes()


def custom_of(target: TargetFile | None) -> dict[str, Any]:
    """What a list tells of a target besides its size and digests."""
    assert target is not None
    found: dict[str, Any] = target.custom
    return found
