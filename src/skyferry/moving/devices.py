"""Copies devices with what they log in with, a page in a transaction: what was copied is found by its name again."""

from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError

from skyferry.fleet import newcomers
from skyferry.fleet.newcomers import Newcomer, Settled
from skyferry.moving import device_reading
from skyferry.moving.answers import SourceDevice
from skyferry.moving.move import Move
from skyferry.moving.report import Kind, Outcome
from skyferry.store.products import ProductRecord


async def copy(move: Move, product: ProductRecord) -> None:
    """Copies the devices of a product.

    Raises:
        AwayError: the platform does not answer; the pages before stay copied.
        RefusedError: nothing else will fare better.
    """
    with move.attempt(Kind.DEVICES, f"the devices of {product.product_key}"):
        async for page in move.source.devices(product.product_key):
            await _copy(move, product, page)
            move.progress.advance(Kind.DEVICES, len(page))


async def _copy(move: Move, product: ProductRecord, page: Sequence[SourceDevice]) -> None:
    """Stores a page in one transaction, or device by device when one of them spoils that."""
    listed = [device.device_name for device in page]
    known = frozenset(await move.target.store.read(newcomers.known, product, listed))
    found = await device_reading.read(move, product, page, known)
    if not found:
        return
    try:
        _count(move, product, found, await _store(move, product, found))
    except IntegrityError:
        for newcomer in found:
            with move.attempt(Kind.DEVICES, f"{product.product_key} {newcomer.name}"):
                _count(move, product, [newcomer], await _store(move, product, [newcomer]))


async def _store(move: Move, product: ProductRecord, found: Sequence[Newcomer]) -> Settled:
    target = move.target
    return await target.store.write(newcomers.settle, product, found, box=target.box, now=target.clock.now_ms())


def _count(move: Move, product: ProductRecord, found: Sequence[Newcomer], settled: Settled) -> None:
    report = move.report
    report.count(Kind.DEVICES, Outcome.COPIED, len(settled.added))
    report.count(Kind.DEVICES, Outcome.CHANGED, len(settled.changed))
    report.count(Kind.DEVICES, Outcome.PRESENT, len(found) - len(settled.added) - len(settled.changed))
    certified = [newcomer for newcomer in found if newcomer.certificate is not None and newcomer.name in settled.added]
    report.count(Kind.CERTIFICATES, Outcome.COPIED, len(certified) - len(settled.uncertified))
    for name in settled.kept:
        report.problem(
            Kind.DEVICES,
            f"{product.product_key} {name}",
            "It has been online here, and has another secret here than on the other platform.",
            "Nothing was changed: when the other platform's secret is right, delete the device here and run the import"
            " again.",
        )
    for name in settled.uncertified:
        report.fail(
            Kind.CERTIFICATES,
            f"{product.product_key} {name}",
            "Its certificate is another device's on this server.",
            "Give it another one: SetDeviceCertificate.",
        )
