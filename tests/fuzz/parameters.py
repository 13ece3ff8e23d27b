"""Parameters of operations by the shapes that they declare, with values that are right, foreign or nearly right."""

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Final

from skyferry.operations import OPERATIONS
from skyferry.rpc.shapes import Boolean, Listed, Number, Shape, Structure, structure_of
from tests.fuzz.http_world import HttpWorld
from tests.fuzz.mutating import mutated

_ANY: Final = ("", " ", "default", "1.0.0", "ALL", "a" * 300, "\ud7ff", "中文", "2026-11-27T00:00:00Z", '{"a":1}', "[]")
_NUMBERS: Final = ("0", "1", "2", "-1", "10", "9223372036854775807", "9223372036854775808", "1.5", "x")
_INDEXES: Final = ("1", "2", "0", "3", "99999999999999999999", "x")
_CALLED: Final = "Target"
"""Names what the server then calls; it must not be led elsewhere than to this machine."""


class Parameters:
    """Makes parameters for any operation."""

    def __init__(self, world: HttpWorld, played: str) -> None:
        """Chooses the values.

        Args:
            world: whose names are used.
            played: the ProductKey of a product of the own account that may be changed, and lost.
        """
        own, foreign = world.own, world.foreign
        everywhere = f'product_key = "{foreign.product}" and name like "%"'
        named = f'[{{"productKey":"{foreign.product}","deviceName":"{foreign.device.name}"}}]'
        self._values: Mapping[str, Sequence[str]] = {
            "ProductKey": (played, played, foreign.product),
            "GwProductKey": (played, foreign.product),
            "DeviceName": ("device-1", "device-2", foreign.device.name),
            "IotId": (foreign.device.iot_id, "unknown"),
            "GwIotId": (foreign.device.iot_id,),
            "FirmwareId": (foreign.firmware, "unknown"),
            "JobId": (foreign.job, "unknown"),
            "TaskId": (foreign.action,),
            "FirmwareUrl": (own.url, foreign.url),
            "Url": (own.url, foreign.url),
            "DnListFileUrl": (own.url, foreign.url),
            "SQL": (
                f"SELECT * FROM device WHERE {everywhere} LIMIT 0, 10",
                "SELECT count(*) FROM device",
            ),
            "DynamicGroupExpression": (everywhere, f'product_key = "{played}"'),
            "DeviceListStr": (named,),
            "Props": ('{"owner":"me","place":"here"}', "{}"),
            "Policy": ('{"Version":"1","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}',),
            "Window": ("22:00-06:00", "MON-FRI 01:00-02:00"),
            "Target": ("http://127.0.0.1:9/", "nats:subject", "ftp://x", ""),
            "TargetSelection": ("ALL", "SPECIFIC", "GRAY", "GROUP"),
            "DestVersion": ("2.0.0", "3.0.0"),
            "DeviceProtocol": ("mqtt", "hawkbit"),
            "DynamicRegistration": ("OFF", "REGISTERED", "ANY"),
            "AuthType": ("secret", "x509"),
        }

    def any(self, dice: Random) -> tuple[str, dict[str, str]]:
        """An operation and its parameters."""
        action = dice.choice(sorted(OPERATIONS))
        return action, dict(self._members(structure_of(OPERATIONS[action].request), dice))

    def _members(self, structure: Structure, dice: Random, prefix: str = "") -> Iterator[tuple[str, str]]:
        for name, shape in structure.members:
            if name != "IotInstanceId" and dice.randrange(10) < (9 if name in self._values else 5):
                yield from self._member(name, shape, dice, prefix)

    def _member(self, name: str, shape: Shape, dice: Random, prefix: str) -> Iterator[tuple[str, str]]:
        match shape:
            case Listed(item=item):
                for index in dice.choices(_INDEXES, weights=(9, 6, 1, 3, 1, 1), k=dice.randint(1, 3)):
                    if isinstance(item, Structure):
                        yield from self._members(item, dice, f"{prefix}{name}.{index}.")
                    else:
                        yield f"{prefix}{name}.{index}", self._value(name, item, dice)
            case Structure():
                yield from self._members(shape, dice, f"{prefix}{name}.")
            case _:
                yield f"{prefix}{name}", self._value(name, shape, dice)

    def _value(self, name: str, shape: Shape, dice: Random) -> str:
        if isinstance(shape, Number):
            return dice.choice(_NUMBERS)
        if isinstance(shape, Boolean):
            return dice.choice(("true", "false", "1", "maybe"))
        values = self._values.get(name, _ANY)
        if name == _CALLED or dice.randrange(4):
            return dice.choice(values)
        return mutated(dice, [each.encode() for each in (*values, *_ANY)]).decode(errors="replace")
