"""Upload tickets: a signed policy with which one file can be uploaded under one key, for a minute.

Nothing is stored for a ticket: the signature says that it is ours (gateway reference §5.1, control-plane reference §3).
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from skyferry import error_codes as codes
from skyferry.clock import Clock
from skyferry.errors import ApiError
from skyferry.keys import SecretBox
from skyferry.objects import keys, urls
from skyferry.objects.limits import ObjectLimits
from skyferry.store import objects as statements
from skyferry.store.engine import Store

FIRMWARE_SUFFIXES: Final = frozenset({"bin", "dav", "apk", "tar", "gz", "tar.gz", "zip", "gzip", "swu", "raucb"})
"""Those of the platform, and what SWUpdate and RAUC install."""
DEFAULT_FIRMWARE_SUFFIX: Final = "bin"
LIST_SUFFIX: Final = "csv"


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """What a client needs to post a file.

    Attributes:
        key: the object key, the form's field `key`.
        host: the URL to post the form to.
        policy: base64 of the policy, the form's field `policy`.
        access_key_id: the form's field `OSSAccessKeyId`.
        signature: the form's field `Signature`.
        url: the URL by which the uploaded file is named afterwards (`FirmwareUrl`).
        created_ms: when the ticket was made, in milliseconds since the Unix epoch.
    """

    key: str
    host: str
    policy: str
    access_key_id: str
    signature: str
    url: str
    created_ms: int


def firmware_suffix(given: str | None) -> str:
    """The suffix of a package file as GenerateOTAUploadURL takes it.

    Raises:
        ApiError: `iot.firmware.InvalidGenerateOTAUploadURLParam`.
    """
    suffix = given or DEFAULT_FIRMWARE_SUFFIX
    if suffix not in FIRMWARE_SUFFIXES:
        raise ApiError(codes.INVALID_GENERATE_OTA_UPLOAD_URL_PARAM)
    return suffix


async def issue_ticket(
    store: Store,
    box: SecretBox,
    clock: Clock,
    limits: ObjectLimits,
    *,
    instance_id: int,
    public_url: str,
    suffix: str = DEFAULT_FIRMWARE_SUFFIX,
    most_bytes: int | None = None,
) -> UploadTicket:
    """Issues a ticket for one file of an instance.

    Args:
        store: the database.
        box: opens the instance's upload secret.
        clock: tells when the ticket starts to be valid.
        limits: how long it stays valid, and the largest file.
        instance_id: the instance that will own the file.
        public_url: the server's URL as its users know it.
        suffix: how the object key ends, without the dot; already checked.
        most_bytes: the largest file, in bytes, when it is not `limits.most_file_bytes`.
    """
    upload_key = await store.read(statements.upload_key_of, instance_id)
    now_ms = clock.now_ms()
    key = keys.new_key(upload_key.object_prefix, suffix)
    policy = _policy(key, now_ms + limits.ticket_seconds * 1_000, most_bytes or limits.most_file_bytes)
    return UploadTicket(
        key=key,
        host=urls.upload_url(public_url),
        policy=policy,
        access_key_id=upload_key.access_key_id,
        signature=sign_policy(box.open(upload_key.sealed_secret), policy),
        url=urls.object_url(public_url, key),
        created_ms=now_ms,
    )


def sign_policy(secret: str, policy: str) -> str:
    """Base64 of the HMAC-SHA1 over the policy as it is sent, that is, over its base64 text (gateway reference §5.3)."""
    return base64.b64encode(hmac.digest(secret.encode(), policy.encode(errors="replace"), hashlib.sha1)).decode()


def _policy(key: str, expires_ms: int, most_bytes: int) -> str:
    expiration = datetime.fromtimestamp(expires_ms // 1_000, UTC).replace(microsecond=expires_ms % 1_000 * 1_000)
    document = {
        "expiration": expiration.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z",
        "conditions": [["content-length-range", 0, most_bytes], ["eq", "$key", key]],
    }
    return base64.b64encode(json.dumps(document, separators=(",", ":")).encode()).decode()
