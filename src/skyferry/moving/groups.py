"""Copies groups: static ones with the devices that are in them, dynamic ones with their expressions."""

from collections.abc import Sequence

from sqlalchemy import Connection

from skyferry.fleet import groups, memberships
from skyferry.fleet.memberships import Added
from skyferry.moving import titles
from skyferry.moving.answers import GroupMember, SourceGroup, milliseconds
from skyferry.moving.errors import RefusedError
from skyferry.moving.move import Move
from skyferry.moving.report import Kind, Outcome
from skyferry.moving.survey import PlacedGroup
from skyferry.store import groups as statements
from skyferry.store.groups import GroupRecord


async def copy(move: Move, placed: PlacedGroup) -> None:
    """Copies a static group, or brings its description up to date, and puts into it the devices that are in it there.

    Raises:
        AwayError: the platform does not answer.
        RefusedError: nothing else will fare better.
    """
    source = placed.group
    with move.attempt(Kind.GROUPS, source.group_name):
        outcome, group = await move.target.store.write(_settle, move, placed)
        _told(move, source, outcome, group)
        await _members(move, group)
    await _tags(move, source)


async def copy_dynamic(move: Move, source: SourceGroup) -> None:
    """Copies a dynamic group, or brings its description up to date.

    Raises:
        AwayError: the platform does not answer.
        RefusedError: nothing else will fare better.
    """
    with move.attempt(Kind.GROUPS, source.group_name):
        expression = await move.source.expression(source.group_id)
        if expression is None:
            reason = "The API does not give the expression of the dynamic group."
            move.report.fail(Kind.GROUPS, source.group_name, reason, "Make the group anew.")
        else:
            outcome, group = await move.target.store.write(_settle_dynamic, move, source, expression)
            _told(move, source, outcome, group)


def _told(move: Move, source: SourceGroup, outcome: Outcome, group: GroupRecord) -> None:
    move.report.count(Kind.GROUPS, outcome)
    if group.name != source.group_name:
        reason = "The group's name has characters that are not allowed here."
        move.report.problem(Kind.GROUPS, source.group_name, reason, f"It is called {group.name} here.")


def _settle(tx: Connection, move: Move, placed: PlacedGroup) -> tuple[Outcome, GroupRecord]:
    source, target = placed.group, move.target
    there = statements.find_any(tx, target.instance_id, source.group_id)
    if there is not None:
        return _refresh(tx, move, there, source)
    made = groups.create(
        tx,
        titles.allowed(source.group_name),
        source.group_desc or None,
        parent=placed.parent,
        instance_id=target.instance_id,
        now=milliseconds(source.utc_create) or target.clock.now_ms(),
        group_id=source.group_id,
    )
    return Outcome.COPIED, made


def _settle_dynamic(tx: Connection, move: Move, source: SourceGroup, expression: str) -> tuple[Outcome, GroupRecord]:
    target = move.target
    there = statements.find_any(tx, target.instance_id, source.group_id)
    if there is not None:
        return _refresh(tx, move, there, source)
    made = groups.create_dynamic(
        tx,
        titles.allowed(source.group_name),
        source.group_desc or None,
        expression=expression,
        instance_id=target.instance_id,
        now=milliseconds(source.utc_create) or target.clock.now_ms(),
        group_id=source.group_id,
    )
    return Outcome.COPIED, made


def _refresh(tx: Connection, move: Move, there: GroupRecord, source: SourceGroup) -> tuple[Outcome, GroupRecord]:
    if (there.description or "") == (source.group_desc or ""):
        return Outcome.PRESENT, there
    groups.describe(tx, there, source.group_desc or "", move.target.clock.now_ms())
    return Outcome.CHANGED, there


async def _members(move: Move, group: GroupRecord) -> None:
    with move.attempt(Kind.MEMBERS, group.name):
        async for page in move.source.members(group.group_id):
            wanted = [member for member in page if move.wanted.has_product(member.product_key)]
            if wanted:
                _count(move, group, await move.target.store.write(_add, group, wanted))
            move.progress.advance(Kind.MEMBERS, len(page))


def _add(tx: Connection, group: GroupRecord, page: Sequence[GroupMember]) -> Added:
    return memberships.add(tx, group, [(member.product_key, member.device_name) for member in page])


def _count(move: Move, group: GroupRecord, added: Added) -> None:
    report = move.report
    report.count(Kind.MEMBERS, Outcome.COPIED, added.added)
    report.count(Kind.MEMBERS, Outcome.PRESENT, added.already)
    missing, refused = added.named - added.valid, added.in_too_many
    report.count(Kind.MEMBERS, Outcome.FAILED, missing + refused)
    if missing:
        reason = "Devices of the group were not copied."
        report.problem(Kind.MEMBERS, group.name, reason, "Solve what is said of devices, and run the import again.")
    if refused:
        reason = f"Devices of the group are in {memberships.MOST_GROUPS_OF_DEVICE} groups here, which is the most."
        report.problem(Kind.MEMBERS, group.name, reason, "Take them out of another group.")


async def _tags(move: Move, source: SourceGroup) -> None:
    """Tells of tags, which groups do not have here. A platform without the operation has none either."""
    try:
        number = await move.source.group_tags(source.group_id)
    except RefusedError as error:
        if error.is_final:
            raise
        return
    if number:
        reason = "Groups have no tags here."
        move.report.problem(Kind.GROUPS, source.group_name, reason, "Tag the devices of the group instead.")
