"""The errors of uploads and downloads: object storage has a dialect of its own, XML (gateway reference §5.3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

FORBIDDEN: Final = 403

_AWAY_SECONDS: Final = 30
"""When a client may try again while the object store or the database is away."""


@dataclass(eq=False)
class ObjectError(Exception):
    """A refused upload or download.

    Attributes:
        code: the code on the wire.
        status: the HTTP status.
        message: the sentence for the caller.
        details: further elements of the answer, such as `OSSAccessKeyId`.
        headers: further headers of the answer.
    """

    code: str
    status: int
    message: str
    details: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(f"{self.code}: {self.message}")


def access_denied(message: str) -> ObjectError:
    """The caller may not do this: expired, a condition failed, somebody else's."""
    return ObjectError("AccessDenied", FORBIDDEN, message)


def policy_failed(reason: str) -> ObjectError:
    """The form is not what its policy allows."""
    return access_denied(f"Invalid according to Policy: {reason}")


def invalid_policy(reason: str) -> ObjectError:
    """The policy is not a policy."""
    return ObjectError("InvalidPolicyDocument", 400, f"Invalid Policy: {reason}")


def missing_field(name: str) -> ObjectError:
    """A field that must stand before the file does not."""
    return ObjectError(
        "InvalidArgument",
        400,
        f"The bucket POST must contain the specified '{name}'. If it is specified, "
        "please check the order of the fields",
        {"ArgumentName": name},
    )


def invalid_object_name() -> ObjectError:
    """The key does not have the shape of the keys that tickets give out."""
    return ObjectError("InvalidObjectName", 400, "The specified object is not valid.")


def invalid_access_key_id(access_key_id: str) -> ObjectError:
    """No instance has this upload key."""
    return ObjectError(
        "InvalidAccessKeyId",
        FORBIDDEN,
        "The OSS Access Key Id you provided does not exist in our records.",
        {"OSSAccessKeyId": access_key_id},
    )


def signature_does_not_match(access_key_id: str, signature: str, string_to_sign: str) -> ObjectError:
    """The policy was signed with another secret."""
    return ObjectError(
        "SignatureDoesNotMatch",
        FORBIDDEN,
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
        {"OSSAccessKeyId": access_key_id, "SignatureProvided": signature, "StringToSign": string_to_sign},
    )


def malformed_post() -> ObjectError:
    """The body cannot be read as a form."""
    return ObjectError(
        "MalformedPOSTRequest", 400, "The body of your POST request is not well-formed multipart/form-data."
    )


def wrong_number_of_files() -> ObjectError:
    """No file, or several."""
    return ObjectError("IncorrectNumberOfFilesInPOSTRequest", 400, "POST requires exactly one file upload per request.")


def field_too_long(message: str) -> ObjectError:
    """Something of the form besides its file is over a limit."""
    return ObjectError("FieldItemTooLong", 400, message)


def entity_too_large(most_bytes: int) -> ObjectError:
    """The file or the whole body is larger than allowed."""
    return ObjectError(
        "EntityTooLarge",
        400,
        "Your proposed upload exceeds the maximum allowed size.",
        {"MaxSizeAllowed": str(most_bytes)},
    )


def entity_too_small(size: int, least_bytes: int) -> ObjectError:
    """The file is smaller than its policy demands."""
    return ObjectError(
        "EntityTooSmall",
        400,
        "Your proposed upload is smaller than the minimum allowed size.",
        {"ProposedSize": str(size), "MinSizeAllowed": str(least_bytes)},
    )


def invalid_digest() -> ObjectError:
    """Content-MD5 is not the digest of the body."""
    return ObjectError("InvalidDigest", 400, "The Content-MD5 you specified is not the MD5 of the request body.")


def file_already_exists() -> ObjectError:
    """The object is there and must stay as it is."""
    return ObjectError("FileAlreadyExists", 409, "The object you specified already exists and can not be overwritten.")


def no_such_key(key: str) -> ObjectError:
    """Nothing is stored under the key."""
    return ObjectError("NoSuchKey", 404, "The specified key does not exist.", {"Key": key})


def invalid_range(size: int) -> ObjectError:
    """The range starts behind the end of the file."""
    return ObjectError(
        "InvalidRange",
        416,
        "The requested range cannot be satisfied.",
        {"ActualObjectSize": str(size)},
        {"Content-Range": f"bytes */{size}"},
    )


def request_timeout() -> ObjectError:
    """Nothing came for too long."""
    return ObjectError("RequestTimeout", 400, "Nothing of the request body arrived for too long.")


def incomplete_body() -> ObjectError:
    """The connection ended, or broke the rules of HTTP, before the body was complete."""
    return ObjectError("IncompleteBody", 400, "The request body ended before it was complete.")


def slow_down(retry_seconds: int) -> ObjectError:
    """Too many downloads at once, and this one has waited its time."""
    return ObjectError(
        "SlowDown",
        503,
        "Too many files are being downloaded. Please try again later.",
        headers={"Retry-After": str(retry_seconds)},
    )


def unavailable() -> ObjectError:
    """The object store or the database does not answer, or does not let the server in."""
    return ObjectError(
        "ServiceUnavailable",
        503,
        "What the server keeps its files or its data in does not answer. Please try again later.",
        headers={"Retry-After": str(_AWAY_SECONDS)},
    )


def no_room() -> ObjectError:
    """The disk is full."""
    return ObjectError(
        "InternalError",
        500,
        "The server has no room left for this file. Its operator must make room.",
    )


def internal_error() -> ObjectError:
    """Something that nobody thought of; the log has the rest."""
    return ObjectError("InternalError", 500, "We encountered an internal error. Please try again.")
