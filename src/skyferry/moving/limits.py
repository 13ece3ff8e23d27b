"""Every limit of a move, with its unit, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MovingLimits:
    """How the other platform is asked.

    Attributes:
        attempts: how often a call is tried.
        first_attempts: the same until the platform has answered once: its address may be wrong.
        throttled_attempts: how often a call is tried that the platform refuses because there were too many.
        download_attempts: how often the download of a file is tried.
        first_wait_s: the wait after the first failure, in seconds; each further one is twice as long.
        most_wait_s: the longest such wait, in seconds.
        connect_s: how long a connection may take to be made, in seconds.
        answer_s: how long a call may take in all, in seconds.
        stall_s: a download in which nothing moves for this long is given up, in seconds.
        connections: how many calls are under way at once.
        most_answer_bytes: the longest answer that is read, in bytes.
        most_examples: of how many things with the same problem the report tells the names.
    """

    attempts: int = 8
    first_attempts: int = 2
    throttled_attempts: int = 30
    download_attempts: int = 4
    first_wait_s: float = 1
    most_wait_s: float = 60
    connect_s: float = 10
    answer_s: float = 60
    stall_s: float = 60
    connections: int = 20
    most_answer_bytes: int = 16 << 20
    most_examples: int = 1_000
