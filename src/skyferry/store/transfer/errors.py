"""Why a database is not moved. Nothing has changed on either side then."""

from collections.abc import Sequence


class MoveError(Exception):
    """The database is not moved; the message says why, and what to do."""


class UnmovableRowsError(MoveError):
    """Rows hold what PostgreSQL cannot store."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Args: problems: a sentence for each."""
        super().__init__("\n".join(problems))
        self.problems = problems
