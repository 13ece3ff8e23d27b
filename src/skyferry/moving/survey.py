"""What there is to copy, and what of it will not work afterwards: a dry run ends with this."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from skyferry.fleet.products import NetType
from skyferry.moving.answers import ListedPackage, SourceGroup, SourceProduct
from skyferry.moving.move import Move
from skyferry.moving.report import Kind

_X509: Final = "x509"
_ID2: Final = "id2"
_PAGE: Final = 50
_LIST_QUOTA, _DETAIL_QUOTA, _TAG_QUOTA = 50, 5, 50


@dataclass(frozen=True, slots=True)
class PlacedGroup:
    """A static group, and the GroupId of the group that it is directly below."""

    group: SourceGroup
    parent: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be copied, the oldest first, as lists give the newest first."""

    products: Sequence[SourceProduct]
    packages: Sequence[ListedPackage]
    groups: Sequence[PlacedGroup]
    dynamic_groups: Sequence[SourceGroup]

    @property
    def devices(self) -> int:
        """How many devices the products have."""
        return sum(product.device_count for product in self.products)

    @property
    def package_bytes(self) -> int:
        """How much the files of packages of one file are together; of others the list does not tell."""
        return sum(package.firmware_size or 0 for package in self.packages)

    def seconds(self, share: float, *, tags: bool) -> float:
        """About how long the devices take when none of them is here yet and the platform answers at once."""
        calls = self.devices / _PAGE / _LIST_QUOTA + self.devices / _PAGE / _DETAIL_QUOTA
        return (calls + (self.devices / _TAG_QUOTA if tags else 0)) / share


async def survey(move: Move) -> Plan:
    """Looks at everything but the devices, and tells the report what will not work here.

    Raises:
        AwayError: the platform does not answer.
        RefusedError: it gives nothing away.
    """
    products = await _products(move)
    packages = await _packages(move) if move.wanted.has(Kind.PACKAGES) else []
    groups: Sequence[PlacedGroup] = []
    dynamic_groups: list[SourceGroup] = []
    if move.wanted.has(Kind.GROUPS):
        with move.attempt(Kind.GROUPS, "static groups"):
            groups = await _groups(move)
        with move.attempt(Kind.GROUPS, "dynamic groups"):
            dynamic_groups = [group async for group in move.source.dynamic_groups()]
    return Plan(products[::-1], packages[::-1], groups, dynamic_groups[::-1])


async def _products(move: Move) -> list[SourceProduct]:
    listed = [key async for key in move.source.products() if move.wanted.has_product(key)]
    for missing in sorted((move.wanted.products or frozenset()).difference(listed)):
        move.report.fail(
            Kind.PRODUCTS, missing, "The other platform has no such product in the instance.", "Check key and instance."
        )
    found = []
    for key in listed:
        with move.attempt(Kind.PRODUCTS, key):
            product = await move.source.product(key)
            found.append(product)
            _foresee(move, product)
    return found


def _foresee(move: Move, product: SourceProduct) -> None:
    if product.auth_type == _X509:
        move.report.problem(
            Kind.PRODUCTS,
            product.product_key,
            "Its devices log in with X.509 certificates of another authority.",
            "The certificates are copied; they are trusted here when device_ca names the authority that issued them.",
        )
    if product.auth_type == _ID2 or product.id2:
        move.report.problem(
            Kind.PRODUCTS,
            product.product_key,
            "Its devices prove themselves by a key in an ID² chip, which only the original platform can check.",
            "They cannot move without firmware that logs in with a DeviceSecret.",
        )
    if product.net_type == NetType.LORA:
        move.report.problem(
            Kind.PRODUCTS,
            product.product_key,
            "Its devices come through a LoRaWAN network server, which is not a part of this server.",
            "They cannot move.",
        )


async def _packages(move: Move) -> list[ListedPackage]:
    found = []
    with move.attempt(Kind.PACKAGES, "the list of packages"):
        async for package in move.source.packages():
            if not package.product_key:
                move.report.fail(
                    Kind.PACKAGES, package.firmware_name, "It belongs to no product.", "Upload it for a product."
                )
            elif move.wanted.has_product(package.product_key):
                found.append(package)
    return found


async def _groups(move: Move) -> list[PlacedGroup]:
    """Every static group, each behind the one that it is below.

    Whether the list without a parent holds the lower levels too is not documented: each group is asked for those below.
    """
    known = {group.group_id: group async for group in move.source.groups()}
    parents: dict[str, str] = {}
    waiting = list(known)
    for group_id in waiting:
        async for child in move.source.groups(group_id):
            parents[child.group_id] = group_id
            if child.group_id not in known:
                known[child.group_id] = child
                waiting.append(child.group_id)
    placed = [PlacedGroup(group, parents.get(group.group_id)) for group in reversed(known.values())]
    return sorted(placed, key=lambda item: _depth(item.group.group_id, parents))


def _depth(group_id: str, parents: dict[str, str]) -> int:
    seen = {group_id}
    while (above := parents.get(group_id)) is not None and above not in seen:
        seen.add(above)
        group_id = above
    return len(seen)
