"""What a job offers a device: the `data` of an upgrade notice, in the exact form that parsers in the field take.

Device-plane reference §2.2-2.5 and §7: `extData` last, `md5` always, one file in the flat form.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from skyferry.fleet.names import DEFAULT_MODULE
from skyferry.objects.urls import DownloadUrls
from skyferry.ota import streams
from skyferry.ota.packages import DIFFERENTIAL
from skyferry.store import objects as object_statements
from skyferry.store import packages as package_statements
from skyferry.store import product_settings
from skyferry.store import signing as signing_statements
from skyferry.store.jobs import JobRecord
from skyferry.store.packages import FileRecord, PackageRecord
from skyferry.store.signing import SigningKeyRecord
from skyferry.trust.signatures import DigestSigner

_SIGN_METHODS: Final = {"MD5": "Md5", "SHA256": "SHA256"}
_UDI_TAG: Final = "_package_udi"

OfferData = Mapping[str, Any]
"""The `data` of a notice; empty where nothing is offered."""

NOTHING: Final[OfferData] = {}


@dataclass(frozen=True, slots=True)
class OfferMaker:
    """Makes the offers of jobs.

    Attributes:
        urls: signs the URLs of downloads.
        signer: signs the digests of packages whose product wants it.
        direct: the URL at which devices download a blob themselves, past this server; None when there is none.
    """

    urls: DownloadUrls
    signer: DigestSigner
    direct: Callable[[str], str] | None = None

    def offer(self, tx: Connection, job: JobRecord, now: int) -> "Offer":
        """What a job offers, looked up once for all its devices; URLs are valid from `now` on (Unix milliseconds)."""
        package = package_statements.by_ids(tx, [job.package_id])[job.package_id]
        files = package_statements.files_of(tx, [package.id])[package.id]
        key = signing_statements.signing(tx, package.product_id) if package.secure_update else None
        signatures = {} if key is None else self._signatures(key, files)
        base_url = product_settings.by_id(tx, package.product_id).download_base
        direct = self._direct(tx, files) if base_url is None else {}
        return Offer(package, files, job.tags, job.download_protocol, self.urls, base_url, now, signatures, direct)

    def _direct(self, tx: Connection, files: Sequence[FileRecord]) -> Mapping[str, str]:
        if self.direct is None:
            return {}
        blobs = object_statements.blobs_by_key(tx, [file.object_key for file in files])
        return {key: self.direct(blob) for key, blob in blobs.items()}

    def _signatures(self, key: SigningKeyRecord, files: Sequence[FileRecord]) -> Mapping[str, str]:
        return {file.sign: self.signer.sign(key, file.sign) for file in files}


@dataclass(frozen=True, slots=True)
class Offer:
    """The package of a job, ready to be offered to each of its devices."""

    package: PackageRecord
    files: Sequence[FileRecord]
    tags: Mapping[str, str]
    protocol: str
    urls: DownloadUrls
    base_url: str | None
    """Where the devices of the product download, when it is not where all others do."""
    now: int
    signatures: Mapping[str, str]
    """`digestsign` by the digest that it signs; empty for a product without secure updates."""
    direct: Mapping[str, str]
    """URLs past this server by the objects' keys; empty when this server is where devices begin."""

    def data(self, task_id: int) -> OfferData:
        """The `data` of the notice for one task, whose name is in the URLs."""
        data: dict[str, Any] = self._single_file(task_id) if len(self.files) == 1 else self._several_files(task_id)
        if self.package.type == DIFFERENTIAL:
            data["isDiff"] = 1
        if self.package.module != DEFAULT_MODULE:
            data["module"] = self.package.module
        extra = {**self.tags, **({_UDI_TAG: self.package.udi} if self.package.udi else {})}
        if extra:
            data["extData"] = extra
        return data

    def _single_file(self, task_id: int) -> dict[str, Any]:
        [file] = self.files
        return {
            "size": file.size,
            "sign": file.sign,
            "version": self.package.dest_version,
            **self._way(file, task_id),
            "signMethod": _SIGN_METHODS[self.package.sign_method],
            "md5": file.md5,
            **self._signature(file),
        }

    def _way(self, file: FileRecord, task_id: int) -> dict[str, Any]:
        """How a device gets at the file (device-plane reference §2.2, §2.4)."""
        if self.protocol == streams.MQTT:
            return {"dProtocol": "mqtt", "streamId": streams.stream_id(task_id), "streamFileId": streams.FILE_ID}
        return {"url": self._url(file, task_id)}

    def _several_files(self, task_id: int) -> dict[str, Any]:
        return {
            "version": self.package.dest_version,
            "signMethod": _SIGN_METHODS[self.package.sign_method],
            "files": [
                {
                    "fileSize": file.size,
                    "fileName": file.name,
                    "fileUrl": self._url(file, task_id),
                    "fileMd5": file.md5,
                    "fileSign": file.sign,
                    **self._signature(file),
                }
                for file in self.files
            ],
        }

    def _signature(self, file: FileRecord) -> dict[str, str]:
        """Behind `sign`, which firmware that looks for the first text of its kind must find first."""
        return {"digestsign": self.signatures[file.sign]} if self.signatures else {}

    def _url(self, file: FileRecord, task_id: int) -> str:
        return self.direct.get(file.object_key) or self.urls.sign(
            file.object_key, self.now, task_id=task_id, base_url=self.base_url
        )
