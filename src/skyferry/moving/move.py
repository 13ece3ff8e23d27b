"""What a move works with: where from, where to, what of it, and who is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.exc import IntegrityError

from skyferry.clock import Clock
from skyferry.errors import ApiError
from skyferry.keys import SecretBox
from skyferry.moving.errors import RefusedError
from skyferry.moving.limits import MovingLimits
from skyferry.moving.report import Kind, Report
from skyferry.moving.source import Source
from skyferry.objects.uploads import Uploads
from skyferry.ota.models import EngineLimits
from skyferry.store.engine import Store


@dataclass(frozen=True, slots=True)
class Target:
    """The instance that is copied to, and the parts of this server that keep its data."""

    store: Store
    uploads: Uploads
    box: SecretBox
    clock: Clock
    engine_limits: EngineLimits
    account_id: int
    instance_id: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is copied.

    Attributes:
        products: the ProductKeys; None for all products.
        without: what is left out: tags, modules with packages, packages, groups.
        tags_again: whether the tags of devices that are here already are read again.
    """

    products: frozenset[str] | None = None
    without: frozenset[Kind] = frozenset()
    tags_again: bool = False

    def has(self, kind: Kind) -> bool:
        """Whether things of this kind are copied."""
        return kind not in self.without

    def has_product(self, product_key: str | None) -> bool:
        """Whether the product, and what belongs to it, is copied."""
        return self.products is None or product_key in self.products


class Progress(Protocol):
    """Is told how far a move is."""

    def begin(self, kind: Kind, total: int) -> None:
        """So many things of a kind are to be looked at."""
        ...

    def advance(self, kind: Kind, number: int = 1) -> None:
        """So many more were looked at."""
        ...


@dataclass(frozen=True, slots=True)
class Move:
    """One run."""

    source: Source
    target: Target
    wanted: Wanted
    report: Report
    progress: Progress
    limits: MovingLimits

    @contextmanager
    def attempt(self, kind: Kind, name: str) -> Iterator[None]:
        """Counts a thing as not copied when the block is refused, here or there, and goes on behind the block.

        Raises:
            RefusedError: nothing else will fare better.
        """
        try:
            yield
        except RefusedError as error:
            if error.is_final:
                raise
            self.report.fail(kind, name, f"{error}.", error.remedy)
        except ApiError as error:
            remedy = "This server does not take it so: change it on the other platform, and run the import again."
            self.report.fail(kind, name, error.text, remedy)
        except IntegrityError:
            reason = "Its key is taken on this server, by an instance of this account or of another one."
            self.report.fail(kind, name, reason, "Delete what has the key, or import into that instance.")
