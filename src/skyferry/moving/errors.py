"""What goes wrong between this server and the platform that is copied from."""

from typing import Final

_KEY_CODES: Final = ("InvalidAccessKey", "SignatureDoesNotMatch", "IncompleteSignature", "InvalidTimeStamp")
_TOKEN_CODES: Final = ("InvalidSecurityToken",)
_INSTANCE_CODES: Final = ("iot.Sre.IotInstanceNotFound", "iot.system.InstanceNotFound")
_PERMISSION_CODES: Final = ("NoPermission", "Forbidden")
_PASSING_CODES: Final = frozenset({"ServiceUnavailable", "InternalError", "iot.system.SystemException"})
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500


class AwayError(Exception):
    """The platform does not answer; the message says what it was. Later it may: what was copied stays copied."""


class DownloadError(Exception):
    """A file cannot be had, or is not what the platform says of it; the message says which."""


class RefusedError(Exception):
    """The platform refuses a call.

    Attributes:
        action: the operation.
        code: its error code; empty when it gave none.
        status: the status of the answer: 200 for a business error.
    """

    def __init__(self, action: str, code: str, text: str, status: int) -> None:
        super().__init__(f"{action} is refused: {text} ({code or f'HTTP {status}'})")
        self.action = action
        self.code = code
        self.status = status

    @property
    def is_throttling(self) -> bool:
        """True when the account has called too often."""
        return self.code.startswith("Throttling") or self.status == _TOO_MANY

    @property
    def is_passing(self) -> bool:
        """True when the same call may succeed a little later."""
        return self.status >= _SERVER_ERROR or self.code in _PASSING_CODES

    @property
    def is_final(self) -> bool:
        """True when no other call will fare better: it is the key, the clock or the instance."""
        return self.code.startswith((*_KEY_CODES, *_TOKEN_CODES, *_INSTANCE_CODES))

    @property
    def remedy(self) -> str:
        """What to do about it, a sentence."""
        if self.code.startswith(_PERMISSION_CODES):
            return f"Let the RAM user call {self.action}, and run the import again."
        if self.code.startswith(_KEY_CODES):
            return "Check the access key, its secret and the clock of this machine."
        if self.code.startswith(_TOKEN_CODES):
            return "Get a new temporary key: this one has ended or belongs to another key."
        if self.code.startswith(_INSTANCE_CODES):
            return "Give the ID of the instance as its overview page shows it: --instance."
        return "Run the import again; if it stays so, look up the code in the platform's documentation."
