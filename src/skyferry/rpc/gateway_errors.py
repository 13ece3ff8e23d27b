"""The gateway's own errors (gateway reference §2.2): what is refused before an operation sees the request.

They answer a 4xx or 5xx status, not the 200 of business errors. Where documents differ on the status, the one seen in
real answers is taken (§8, 4).
"""

from typing import Final

from skyferry.errors import ApiError, ErrorKind

# The request as such
UNSUPPORTED_HTTP_METHOD: Final = ErrorKind("UnsupportedHTTPMethod", "This http method is not supported.", 400)
MALFORMED_REQUEST: Final = ErrorKind("InvalidParameter", "The request is malformed.", 400)
TOO_MANY_PARAMETERS: Final = ErrorKind("InvalidParameter", "The request has too many parameters.", 400)
REQUEST_TOO_LARGE: Final = ErrorKind("RequestEntityTooLarge", "The request body is too large.", 413)
REQUEST_TIMEOUT: Final = ErrorKind("RequestTimeout", "The request body did not arrive in time.", 408)

# Who calls
ACCESS_KEY_NOT_FOUND: Final = ErrorKind("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
ACCESS_KEY_INACTIVE: Final = ErrorKind("InvalidAccessKeyId.Inactive", "Specified access key is disabled.", 400)
SECURITY_TOKEN_MALFORMED: Final = ErrorKind(
    "InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed.", 400
)
SECURITY_TOKEN_MISMATCH: Final = ErrorKind(
    "InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken mismatch with the AccessKey.", 400
)
SECURITY_TOKEN_EXPIRED: Final = ErrorKind("InvalidSecurityToken.Expired", "Specified SecurityToken is expired.", 400)
INVALID_SIGNATURE_METHOD: Final = ErrorKind(
    "InvalidSignatureMethod",
    "Specified signature method is not supported. Use HMAC-SHA1, HMAC-SHA256 or ACS3-HMAC-SHA256.",
    400,
)
TIMESTAMP_FORMAT: Final = ErrorKind(
    "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.", 400
)
TIMESTAMP_EXPIRED: Final = ErrorKind("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.", 400)
SIGNATURE_DOES_NOT_MATCH: Final = ErrorKind(
    "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.", 400
)
INCOMPLETE_SIGNATURE: Final = ErrorKind(
    "IncompleteSignature", "The signature does not cover everything that it must cover.", 400
)
SIGNATURE_NONCE_USED: Final = ErrorKind("SignatureNonceUsed", "Specified signature nonce was used already.", 400)

# What is called
INVALID_VERSION: Final = ErrorKind("InvalidVersion", "Specified parameter Version is not valid.", 400)
ACTION_NOT_FOUND: Final = ErrorKind(
    "InvalidAction.NotFound", "Specified api is not found, please check your url and method.", 404
)
NO_PERMISSION: Final = ErrorKind(
    "NoPermission", "You are not authorized to do this action. You should be authorized by RAM.", 403
)
THROTTLING: Final = ErrorKind("Throttling", "Request was denied due to flow control.", 400)
THROTTLING_USER: Final = ErrorKind("Throttling.User", "Request was denied due to user flow control.", 400)
INSTANCE_NOT_FOUND: Final = ErrorKind(
    "iot.Sre.IotInstanceNotFound", "The specified IotInstanceId does not exist in this account."
)

# The server
INTERNAL_ERROR: Final = ErrorKind(
    "InternalError", "The request processing has failed due to some unknown error, exception or failure.", 500
)
SERVICE_UNAVAILABLE: Final = ErrorKind(
    "ServiceUnavailable", "The request has failed due to a temporary failure of the server. Try again later.", 503
)


def missing(parameter: str) -> ApiError:
    """A required parameter is absent: code `Missing<Param>`.

    Args:
        parameter: the name on the wire, such as `FirmwareId` or `MultiFiles.1.Url`.
    """
    return ApiError(ErrorKind(f"Missing{parameter}", "{parameter} is mandatory for this action.", 400, parameter))


def missing_header(header: str) -> ApiError:
    """A required header is absent; headers have no `Missing<Param>` code, so the older form names it in the text."""
    kind = ErrorKind(
        "MissingParameter",
        'The input parameter "{parameter}" that is mandatory for processing this request is not supplied.',
        400,
        header,
    )
    return ApiError(kind)


def invalid(parameter: str, reason: str = "") -> ApiError:
    """A parameter's value cannot be read: code `Invalid<Param>`.

    Args:
        parameter: the name on the wire.
        reason: what is expected instead, as a sentence.
    """
    kind = ErrorKind(f"Invalid{parameter}", "Specified parameter {parameter} is not valid.", 400, parameter)
    return ApiError(kind, f"{kind.fill(kind.text)} {reason}".rstrip())
