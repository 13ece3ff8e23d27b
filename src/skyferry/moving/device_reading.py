"""A page of devices as they are to be here: what the list says of them, and what has to be asked besides."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from skyferry import identifiers
from skyferry.fleet import certificates, devices, names, tags
from skyferry.fleet.certificates import X509, GivenCertificate
from skyferry.fleet.newcomers import Newcomer
from skyferry.moving.answers import DeviceDetail, SourceDevice, milliseconds
from skyferry.moving.move import Move
from skyferry.moving.report import Kind, Outcome
from skyferry.store.products import ProductRecord

AnswerT = TypeVar("AnswerT")

_UNACTIVE: Final = "UNACTIVE"
_DISABLED: Final = "DISABLE"
_NO_TAGS: Final = "{}"


@dataclass(frozen=True, slots=True)
class _Certificate:
    given: GivenCertificate
    private_key: str | None = field(repr=False)


async def read(
    move: Move, product: ProductRecord, listed: Sequence[SourceDevice], known: frozenset[str]
) -> Sequence[Newcomer]:
    """The devices that can be here; the others are in the report.

    Args:
        move: the run.
        product: their product, here.
        listed: a page of the list.
        known: those that are here already: less is asked of them.
    """
    reading = _Reading(move, product, known)
    details = await reading.details(listed)
    fresh = [device.device_name for device in listed if device.device_name not in known]
    every = [device.device_name for device in listed]
    tagged: Mapping[str, Mapping[str, str]] = {}
    if move.wanted.has(Kind.TAGS):
        tagged = await _each(every if move.wanted.tags_again else fresh, reading.tags)
    certified = await _each(fresh, reading.certificate) if product.auth_type == X509 else {}
    found = []
    for device in listed:
        newcomer = reading.newcomer(device, details.get(device.device_name))
        if newcomer is not None:
            certificate = certified.get(newcomer.name)
            found.append(
                replace(
                    newcomer,
                    tags=tagged.get(newcomer.name, {}),
                    certificate=certificate.given if certificate else None,
                    private_key=certificate.private_key if certificate else None,
                )
            )
    return found


async def _each(device_names: Sequence[str], ask: Callable[[str], Awaitable[AnswerT]]) -> Mapping[str, AnswerT]:
    """Asks for each device; when the platform goes away, all that was asked ends before that is told."""
    answers = await asyncio.gather(*map(ask, device_names), return_exceptions=True)
    told: dict[str, AnswerT] = {}
    for name, answer in zip(device_names, answers, strict=True):
        if isinstance(answer, BaseException):
            raise answer
        told[name] = answer
    return told


class _Reading:
    """What is asked of one page of devices."""

    def __init__(self, move: Move, product: ProductRecord, known: frozenset[str]) -> None:
        self._move = move
        self._product = product
        self._known = known

    async def details(self, listed: Sequence[SourceDevice]) -> Mapping[str, DeviceDetail]:
        wanted = [
            device.device_name
            for device in listed
            if not device.device_secret or (device.device_name not in self._known and device.device_status != _UNACTIVE)
        ]
        return await self._move.source.details(self._product.product_key, wanted) if wanted else {}

    async def tags(self, name: str) -> Mapping[str, str]:
        with self._move.attempt(Kind.TAGS, self._label(name)):
            text = await self._move.source.tags(self._product.product_key, name)
            told = {} if text.strip() == _NO_TAGS else tags.read(text)
            self._move.report.count(Kind.TAGS, Outcome.COPIED, len(told))
            return told
        return {}

    async def certificate(self, name: str) -> _Certificate | None:
        with self._move.attempt(Kind.CERTIFICATES, self._label(name)):
            told = await self._move.source.certificate(self._product.product_key, name)
            return _Certificate(certificates.read(told.certificate), told.private_key or None)
        return None

    def newcomer(self, device: SourceDevice, detail: DeviceDetail | None) -> Newcomer | None:
        """The device without tags and certificate; None when it cannot be here, or when nothing is to be said of it."""
        report, label = self._move.report, self._label(device.device_name)
        if not names.is_device_name(device.device_name):
            reason = "Its name has characters that are not allowed here."
            report.fail(Kind.DEVICES, label, reason, "It needs another name.")
            return None
        secret = device.device_secret or (detail.device_secret if detail else None)
        if not secret and device.device_name in self._known:
            report.count(Kind.DEVICES, Outcome.PRESENT)
            return None
        created = milliseconds(device.utc_create) or self._move.target.clock.now_ms()
        activated = milliseconds(detail.utc_active) if detail else None
        if activated is None and device.device_status not in {_UNACTIVE, _DISABLED}:
            activated = created
        return Newcomer(
            name=device.device_name,
            iot_id=device.iot_id or identifiers.iot_id(),
            secret=secret or self._invented(label),
            nickname=self._nickname(device.nickname, label),
            disabled=device.device_status == _DISABLED,
            activated_at=activated,
            created_at=created,
        )

    def _invented(self, label: str) -> str:
        if self._product.auth_type != X509:
            self._move.report.problem(
                Kind.DEVICES,
                label,
                "The API does not give its DeviceSecret.",
                "It has a new one: let it register itself (docs/guide/registration.md) or put the new secret in.",
            )
        return identifiers.device_secret()

    def _nickname(self, given: str | None, label: str) -> str | None:
        if given and not devices.is_nickname(given):
            reason = "Its nickname is not allowed here."
            self._move.report.problem(Kind.DEVICES, label, reason, "It has none: BatchUpdateDeviceNickname gives one.")
            return None
        return given or None

    def _label(self, name: str) -> str:
        return f"{self._product.product_key} {name}"
