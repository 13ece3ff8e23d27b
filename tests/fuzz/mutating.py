"""Inputs that are nearly right: pieces of a corpus, cut, repeated, spoilt and put together by dice with a seed.

`FUZZ_SECONDS` says how long each target is tried. A failing test says its seed; `FUZZ_SEED` begins there again.
"""

import os
import time
from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

SECONDS: Final = float(os.environ.get("FUZZ_SECONDS", "3"))
SEED: Final = int(os.environ.get("FUZZ_SEED", "0"))
_TOKENS: Final = (
    b"\0",
    b"\xff\xff\xff\xff",
    b"\x80\x80\x80\x01",
    b"\xed\xa0\x80",
    b"\r\n",
    b"\r\n\r\n",
    b"/../",
    b"%00",
    b"%c0%af",
    b"+",
    b"#",
    b"$SYS/",
    b"'; --",
    b'"',
    b"}",
    b"[" * 200,
    b"null",
    b"-1",
    b"1e999",
    b"9" * 400,
    b"\\ud800",
    b"--",
    b"A" * 5_000,
)
_MOST_CHANGES: Final = 4


def rounds() -> Iterator[tuple[int, Random]]:
    """Seeds and their dice, until the time is up; at least one."""
    end = time.monotonic() + SECONDS
    seed = SEED
    while True:
        yield seed, Random(seed)
        seed += 1
        if time.monotonic() > end:
            return


def mutated(dice: Random, corpus: Sequence[bytes]) -> bytes:
    """A piece of the corpus with a few changes, or with none."""
    data = dice.choice(corpus)
    for _ in range(dice.randint(0, _MOST_CHANGES)):
        start, end = sorted(dice.randint(0, len(data)) for _ in range(2))
        end = min(end, start + dice.choice((1, 2, 8, len(data))))
        match dice.randrange(6):
            case 0:
                middle = b""
            case 1:
                middle = data[start:end] * 2
            case 2:
                middle = dice.choice(_TOKENS) + data[start:end]
            case 3:
                middle = bytes(each ^ 1 << dice.randrange(8) for each in data[start:end][:1]) + data[start + 1 : end]
            case 4:
                middle = dice.randbytes(end - start)
            case _:
                other = dice.choice(corpus)
                middle = other[dice.randint(0, len(other)) :]
        data = data[:start] + middle + data[end:]
    return data


def pieces(dice: Random, data: bytes) -> Iterator[bytes]:
    """The data in the pieces in which a network may bring it."""
    while data:
        size = dice.choice((1, 2, 7, 1_000, len(data)))
        yield data[:size]
        data = data[size:]
