"""Copies devices with what they log in with, a page in a transaction: what was copied is found by its name again."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy.exc import IntegrityError

from skyferry import identifiers
from skyferry.fleet import arrivals, devices, names, tags
from skyferry.fleet.arrivals import Arrival, Settled
from skyferry.fleet.certificates import X509
from skyferry.moving.answers import DeviceDetail, SourceDevice, milliseconds
from skyferry.moving.move import Move
from skyferry.moving.report import Kind, Outcome
from skyferry.store.products import ProductRecord

_UNACTIVE: Final = "UNACTIVE"
_DISABLED: Final = "DISABLE"
_NO_TAGS: Final = "{}"


async def copy(move: Move, product: ProductRecord) -> None:
    """Copies the devices of a product.

    Raises:
        AwayError: the platform does not answer; the pages before stay copied.
        RefusedError: nothing else will fare better.
    """
    with move.attempt(Kind.DEVICES, f"the devices of {product.product_key}"):
        async for page in move.source.devices(product.product_key):
            await _Page(move, product, page).copy()
            move.progress.advance(Kind.DEVICES, len(page))


class _Page:
    """Devices that a list has told at once."""

    def __init__(self, move: Move, product: ProductRecord, listed: Sequence[SourceDevice]) -> None:
        self._move = move
        self._product = product
        self._listed = listed

    async def copy(self) -> None:
        """Asks what is missing and stores all of it in one transaction; device by device when one spoils that."""
        move = self._move
        listed = [device.device_name for device in self._listed]
        known = frozenset(await move.target.store.read(arrivals.known, self._product, listed))
        details = await self._details(known)
        tagged = await self._tags(known)
        sound = []
        for device in self._listed:
            arrival = self._arrival(device, details.get(device.device_name), known, tagged)
            if arrival is not None:
                sound.append(arrival)
        if sound:
            await self._settle(sound)

    async def _details(self, known: frozenset[str]) -> Mapping[str, DeviceDetail]:
        wanted = [
            device.device_name
            for device in self._listed
            if not device.device_secret or (device.device_name not in known and device.device_status != _UNACTIVE)
        ]
        return await self._move.source.details(self._product.product_key, wanted) if wanted else {}

    async def _tags(self, known: frozenset[str]) -> Mapping[str, Mapping[str, str]]:
        wanted = self._move.wanted
        if not wanted.has(Kind.TAGS):
            return {}
        asked = [device.device_name for device in self._listed if wanted.tags_again or device.device_name not in known]
        found = await asyncio.gather(*map(self._tags_of, asked), return_exceptions=True)
        told: dict[str, Mapping[str, str]] = {}
        for name, answer in zip(asked, found, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            told[name] = answer
        return told

    async def _tags_of(self, name: str) -> Mapping[str, str]:
        with self._move.attempt(Kind.TAGS, f"{self._product.product_key} {name}"):
            text = await self._move.source.tags(self._product.product_key, name)
            told = {} if text.strip() == _NO_TAGS else tags.read(text)
            self._move.report.count(Kind.TAGS, Outcome.COPIED, len(told))
            return told
        return {}

    def _arrival(
        self,
        device: SourceDevice,
        detail: DeviceDetail | None,
        known: frozenset[str],
        tagged: Mapping[str, Mapping[str, str]],
    ) -> Arrival | None:
        """The device as it is to be here; None when it cannot be."""
        report, name = self._move.report, device.device_name
        label = f"{self._product.product_key} {name}"
        secret = device.device_secret or (detail.device_secret if detail else None)
        if not secret:
            if name in known:
                report.count(Kind.DEVICES, Outcome.PRESENT)
                return None
            secret = identifiers.device_secret()
            if self._product.auth_type != X509:
                report.problem(
                    Kind.DEVICES,
                    label,
                    "The API does not give its DeviceSecret.",
                    "It has a new one: let it register itself (docs/guide/registration.md) or put the new secret in.",
                )
        created = milliseconds(device.utc_create) or self._move.target.clock.now_ms()
        activated = milliseconds(detail.utc_active) if detail else None
        if activated is None and device.device_status not in {_UNACTIVE, _DISABLED}:
            activated = created
        arrival = Arrival(
            name=name,
            iot_id=device.iot_id or identifiers.iot_id(),
            secret=secret,
            nickname=device.nickname or None,
            disabled=device.device_status == _DISABLED,
            activated_at=activated,
            created_at=created,
            tags=tagged.get(name, {}),
        )
        return self._sound(arrival, label)

    def _sound(self, arrival: Arrival, label: str) -> Arrival | None:
        report = self._move.report
        if not names.is_device_name(arrival.name):
            report.fail(
                Kind.DEVICES, label, "Its name has characters that are not allowed here.", "It needs another name."
            )
            return None
        if arrival.nickname is not None and not devices.is_nickname(arrival.nickname):
            report.problem(
                Kind.DEVICES,
                label,
                "Its nickname is not allowed here.",
                "It has none: BatchUpdateDeviceNickname gives it another.",
            )
            return replace(arrival, nickname=None)
        return arrival

    async def _settle(self, sound: Sequence[Arrival]) -> None:
        move = self._move
        settled = await self._together(sound)
        if settled is not None:
            self._count(sound, settled)
            return
        for arrival in sound:
            with move.attempt(Kind.DEVICES, f"{self._product.product_key} {arrival.name}"):
                self._count([arrival], await self._store([arrival]))

    async def _together(self, sound: Sequence[Arrival]) -> Settled | None:
        """Stores all of them or, when one of them cannot be, none and answers None."""
        try:
            return await self._store(sound)
        except IntegrityError:
            return None

    async def _store(self, sound: Sequence[Arrival]) -> Settled:
        target = self._move.target
        return await target.store.write(
            arrivals.settle, self._product, sound, box=target.box, now=target.clock.now_ms()
        )

    def _count(self, sound: Sequence[Arrival], settled: Settled) -> None:
        report = self._move.report
        report.count(Kind.DEVICES, Outcome.COPIED, len(settled.added))
        report.count(Kind.DEVICES, Outcome.CHANGED, len(settled.changed))
        report.count(Kind.DEVICES, Outcome.PRESENT, len(sound) - len(settled.added) - len(settled.changed))
        for name in settled.kept:
            report.problem(
                Kind.DEVICES,
                f"{self._product.product_key} {name}",
                "It has been online here, and has another secret here than on the other platform.",
                "Nothing was changed: when it is the other platform's secret that is right, delete the device here and"
                " run the import again.",
            )
