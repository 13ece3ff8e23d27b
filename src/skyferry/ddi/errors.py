"""Errors in hawkBit's form: `exceptionClass`, `errorCode` and `message`, which its clients show and log."""

from dataclasses import dataclass
from typing import Final

_PACKAGE: Final = "org.eclipse.hawkbit"


@dataclass(eq=False)
class DdiError(Exception):
    """A request that is refused.

    Attributes:
        status: of HTTP.
        kind: the class of the exception in hawkBit, behind its package.
        code: the error's key, behind `hawkbit.server.error.`.
        message: what to do about it.
    """

    status: int
    kind: str
    code: str
    message: str

    def body(self) -> dict[str, str]:
        """What the device gets."""
        return {
            "exceptionClass": f"{_PACKAGE}.{self.kind}",
            "errorCode": f"hawkbit.server.error.{self.code}",
            "message": self.message,
        }


def unauthorized() -> DdiError:
    """No token, a wrong one, no such device, no such product: all the same to whoever asks."""
    return DdiError(
        401,
        "exception.AuthenticationException",
        "unauthorized",
        "Send Authorization: TargetToken with the device's secret, or GatewayToken with the token of its product.",
    )


def throttled() -> DdiError:
    """Too many wrong tokens."""
    return DdiError(
        429, "exception.TooManyRequestsException", "tooManyRequests", "Too many wrong tokens: wait a minute."
    )


def disabled() -> DdiError:
    """The token is right, and the device may not ask."""
    return DdiError(
        403,
        "repository.exception.InsufficientPermissionException",
        "insufficientpermission",
        "The device is disabled: EnableThing lets it in again.",
    )


def plain() -> DdiError:
    """A secret came without TLS."""
    return DdiError(
        403,
        "repository.exception.InsufficientPermissionException",
        "insufficientpermission",
        "Use HTTPS: without it anyone on the way can read the token. hawkbit_plain allows HTTP.",
    )


def not_found(what: str) -> DdiError:
    """The device has no such thing."""
    return DdiError(404, "repository.exception.EntityNotFoundException", "repo.entitiyNotFound", what)


def gone() -> DdiError:
    """Feedback for something that has ended."""
    return DdiError(
        410, "repository.exception.ActionNotActiveException", "repo.actionNotActive", "The action has ended already."
    )


def unreadable(why: str) -> DdiError:
    """The body is not what it should be."""
    return DdiError(400, "rest.exception.MessageNotReadableException", "rest.body.notReadable", why)


def too_large(most: int) -> DdiError:
    """The body is too large."""
    return DdiError(
        413, "rest.exception.FileSizeExceededException", "rest.body.tooLarge", f"The body has at most {most} bytes."
    )


def bad_attributes(why: str) -> DdiError:
    """Attributes that cannot be kept."""
    return DdiError(400, "repository.exception.InvalidTargetAttributeException", "repo.invalidTargetAttributes", why)


def too_many_attributes(most: int) -> DdiError:
    """More attributes than a device may have."""
    return DdiError(
        403,
        "repository.exception.AssignmentQuotaExceededException",
        "quota.tooManyEntries",
        f"A device has at most {most} attributes.",
    )


def unavailable() -> DdiError:
    """The server cannot answer now."""
    return DdiError(503, "exception.ServiceUnavailableException", "unavailable", "Try again later.")


def internal() -> DdiError:
    """A fault of the server."""
    return DdiError(500, "exception.GenericSpServerException", "general", "The server failed; its log says why.")
