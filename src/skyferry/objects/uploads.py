"""Taking in a file: the form is checked before the file is read, and answered after everything is on the disk.

A file becomes an object in this order: written under a temporary name and kept safe; renamed; its row stored.
Whatever goes wrong on the way, the upload removes what it wrote; what a crash leaves, `ObjectStore.sweep` and
`skyferry.objects.cleaning` remove.
"""

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from skyferry.clock import Clock
from skyferry.keys import SecretBox
from skyferry.objects import errors, keys
from skyferry.objects.cleaning import remove_blob
from skyferry.objects.digests import Digests
from skyferry.objects.forms import FormReader
from skyferry.objects.interface import ObjectStore, ObjectWriter
from skyferry.objects.limits import ObjectLimits
from skyferry.objects.policy import Policy, SizeRange
from skyferry.objects.tickets import sign_policy
from skyferry.store import objects as statements
from skyferry.store.engine import Store
from skyferry.store.objects import ObjectInUseError, StoredObject

BUCKET: Final = "iotx-ota"
"""The bucket's name: it has one only because policies and answers may name it; this is the vendor's."""

_ACCESS_KEY_ID: Final = re.compile(r"[!-~]{1,128}", re.ASCII)

Read = Callable[[], Awaitable[bytes]]
"""The next piece of a file, of any size; empty at the end."""
Check = Callable[[StoredObject], Awaitable[None]]
"""Is told what a file turned out to be before anybody can see it; what it raises keeps the file from being stored."""

_log = structlog.get_logger("skyferry.objects")


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that was stored: the object, and the form that brought it (names in lower case)."""

    object: StoredObject
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Permit:
    """What the form's signature and policy allow."""

    instance_id: int
    key: str
    sizes: SizeRange


@dataclass(frozen=True, slots=True)
class Uploads:
    """The use case."""

    store: Store
    objects: ObjectStore
    box: SecretBox
    clock: Clock
    limits: ObjectLimits

    async def receive(self, form: FormReader) -> Upload:
        """Checks a form, stores its file and its row. When this returns, nothing can lose them any more.

        Raises:
            ObjectError: the form is refused (gateway reference §5.3); nothing was stored.
            OSError: the object store failed; nothing was stored.
        """
        created_ms = self.clock.now_ms()
        fields = await form.fields()
        permit = await self._permit(fields, created_ms)

        async def finish(_: StoredObject) -> None:
            await form.finish()

        new = await self._store(permit, form.read_file, finish, created_ms)
        await self._record(new, overwrite=fields.get("x-oss-forbid-overwrite", "").lower() != "true")
        return Upload(new, fields)

    async def fetch(self, instance_id: int, suffix: str, read: Read, check: Check) -> StoredObject:
        """Stores a file that the server itself gets for an instance, as safely as one that is uploaded.

        Args:
            instance_id: the instance that will own the file.
            suffix: how the object key ends, without the dot; already checked.
            read: the next piece of the file, of any size; empty at the end.
            check: is told what was read before anybody can see it, and raises when that is not what it should be.

        Raises:
            ObjectError: `EntityTooLarge`; nothing was stored.
            OSError: the object store failed; nothing was stored.
        """
        upload_key = await self.store.read(statements.upload_key_of, instance_id)
        permit = _Permit(
            instance_id, keys.new_key(upload_key.object_prefix, suffix), SizeRange(0, self.limits.most_file_bytes)
        )
        new = await self._store(permit, read, check, self.clock.now_ms())
        await self._record(new, overwrite=False)
        return new

    async def _store(self, permit: _Permit, read: Read, check: Check, created_ms: int) -> StoredObject:
        digests = Digests()
        writer = await self.objects.create()
        try:
            await self._copy(read, writer, digests, permit.sizes)
            new = StoredObject(
                key=permit.key,
                instance_id=permit.instance_id,
                size=digests.size,
                md5=digests.md5,
                sha256=digests.sha256,
                crc64=digests.crc64,
                created_at=created_ms,
                sha1=digests.sha1,
            )
            await check(new)
            await writer.commit(new.blob)
        finally:
            await writer.abort()
        return new

    async def _permit(self, fields: Mapping[str, str], now_ms: int) -> _Permit:
        key = fields.get("key")
        if not key:
            raise errors.missing_field("key")
        access_key_id, policy_text, signature = _credentials(fields)
        if not _ACCESS_KEY_ID.fullmatch(access_key_id):
            raise errors.invalid_access_key_id(access_key_id)
        upload_key = await self.store.read(statements.find_upload_key, access_key_id)
        if upload_key is None:
            raise errors.invalid_access_key_id(access_key_id)
        expected = sign_policy(self.box.open(upload_key.sealed_secret), policy_text)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            raise errors.signature_does_not_match(access_key_id, signature, policy_text)
        sizes = Policy.parse(policy_text).check(
            {**fields, "bucket": BUCKET}, now_ms, most_bytes=self.limits.most_file_bytes
        )
        prefix = keys.prefix_of(key)
        if prefix is None:
            raise errors.invalid_object_name()
        if prefix != upload_key.object_prefix:
            raise errors.access_denied("You have no right to access this object.")
        return _Permit(upload_key.instance_id, key, sizes)

    async def _copy(self, read: Read, writer: ObjectWriter, digests: Digests, sizes: SizeRange) -> None:
        """Brings the file to the store block by block, and stops as soon as it is too large."""
        pieces: list[bytes] = []
        waiting = 0
        while piece := await read():
            pieces.append(piece)
            waiting += len(piece)
            sizes.check(digests.size + waiting, complete=False)
            if waiting >= self.limits.block_bytes:
                await _take(b"".join(pieces), writer, digests)
                pieces.clear()
                waiting = 0
        sizes.check(digests.size + waiting, complete=True)
        await _take(b"".join(pieces), writer, digests)

    async def _record(self, new: StoredObject, *, overwrite: bool) -> None:
        try:
            replaced = await self.store.write(statements.put_object, new, overwrite=overwrite)
        except ObjectInUseError:
            await self._discard(new)
            raise errors.file_already_exists() from None
        except Exception:
            await self._discard(new)
            raise
        if replaced is not None and replaced.blob != new.blob:
            await remove_blob(self.objects, replaced.blob)
        _log.info("object stored", key=new.key, bytes=new.size, sha256=new.sha256)

    async def _discard(self, new: StoredObject) -> None:
        """Removes the file of an upload whose row was not stored, unless another upload brought the same content."""
        if new.blob not in await self.store.read(statements.blobs_of, [new.key]):
            await remove_blob(self.objects, new.blob)


async def _take(block: bytes, writer: ObjectWriter, digests: Digests) -> None:
    await asyncio.gather(writer.write(block), asyncio.to_thread(digests.update, block))


def _credentials(fields: Mapping[str, str]) -> tuple[str, str, str]:
    """Access key id, policy and signature. The vendor's sample for device lists says `AccessKeyId`."""
    access_key_id = fields.get("ossaccesskeyid") or fields.get("accesskeyid") or ""
    credentials = {
        "OSSAccessKeyId": access_key_id,
        "policy": fields.get("policy", ""),
        "Signature": fields.get("signature", ""),
    }
    missing = [name for name, value in credentials.items() if not value]
    if len(missing) == len(credentials):
        raise errors.access_denied("You have no right to access this object: the form is not signed.")
    if missing:
        raise errors.missing_field(missing[0])
    return credentials["OSSAccessKeyId"], credentials["policy"], credentials["Signature"]
