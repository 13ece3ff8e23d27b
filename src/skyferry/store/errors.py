"""What the store raises of its own."""

from sqlalchemy.exc import OperationalError

from skyferry.errors import UnavailableError


class StoreUnavailableError(OperationalError, UnavailableError):
    """The database is away, overloaded or restarting: the same call may succeed later.

    Whether a change is stored that was just being committed is not known; of any other nothing is.
    """

    advice = "See whether the database runs and is reached; the server goes on by itself when it is back."

    def __init__(self, reason: str, cause: BaseException) -> None:
        """Args: reason: what is wrong, as a sentence; cause: what the driver said."""
        super().__init__(None, None, cause)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason} ({self.orig})" if str(self.orig) else self.reason
