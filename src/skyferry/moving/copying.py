"""The whole move, in the order in which one thing needs the other: products, modules, devices, packages, groups.

It needs no memory of its own: what was copied has the keys that it has on the other platform, and is found by them. So
a run after an end in the middle, or after changes over there, copies what is missing and changed.
"""

from skyferry.moving import devices, groups, packages, products
from skyferry.moving.errors import AwayError, RefusedError
from skyferry.moving.move import Move
from skyferry.moving.report import Kind
from skyferry.moving.survey import Plan


async def copy(move: Move, plan: Plan) -> None:
    """Copies what the plan holds. When the platform goes away in the middle, the report says so.

    Raises:
        OSError: the object store failed.
    """
    try:
        await _copy(move, plan)
    except (AwayError, RefusedError) as error:
        move.report.stopped = f"{str(error).removesuffix('.')}. Run the import again: it goes on where it ended."


async def _copy(move: Move, plan: Plan) -> None:
    progress, wanted = move.progress, move.wanted
    progress.begin(Kind.DEVICES, plan.devices)
    progress.begin(Kind.PACKAGES, len(plan.packages))
    progress.begin(Kind.GROUPS, len(plan.groups) + len(plan.dynamic_groups))
    for product in plan.products:
        made = await products.copy(move, product)
        if made is None:
            continue
        if wanted.has(Kind.MODULES):
            await products.copy_modules(move, made)
        await devices.copy(move, made)
    for package in plan.packages:
        await packages.copy(move, package.firmware_id, package.firmware_name)
        progress.advance(Kind.PACKAGES)
    for placed in plan.groups:
        await groups.copy(move, placed)
        progress.advance(Kind.GROUPS)
    for dynamic in plan.dynamic_groups:
        await groups.copy_dynamic(move, dynamic)
        progress.advance(Kind.GROUPS)
