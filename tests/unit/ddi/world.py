"""The device API without HTTP, on a database: a product with two devices, and a job for the first."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, select, update

from skyferry.bus.messages import Report
from skyferry.ddi.authentication import Authenticator
from skyferry.ddi.feedback import FeedbackDesk
from skyferry.ddi.limits import DdiSettings
from skyferry.ddi.presence import Presence
from skyferry.devices.throttling import LoginThrottle, ThrottleSettings
from skyferry.fleet.logins import DeviceAddress
from skyferry.keys import SecretBox
from skyferry.ota.states import TaskStatus
from skyferry.store.engine import Store
from skyferry.store.tables import products, tasks
from tests.support import databases
from tests.support.rows import START
from tests.support.rows import World as Rows
from tests.unit.devices.support import RecordingBus

BOX: Final = SecretBox(bytes(32))
SETTINGS: Final = DdiSettings()
GATEWAY_TOKEN: Final = "token-of-the-product"
ORIGIN: Final = "192.0.2.1"


@dataclass
class Clock:
    """Time that passes when the test says so, in milliseconds."""

    now: int = START

    def now_ms(self) -> int:
        return self.now


@dataclass(frozen=True)
class Planted:
    """What is in the database."""

    product_key: str
    device_id: int
    secret: str
    task_id: int


def plant(tx: Connection) -> Planted:
    """A product with two devices, and a job for the first."""
    rows = Rows(tx)
    device = rows.make_device("device-1")
    rows.make_device("device-2")
    rows.make_job(rows.make_package(), ["device-1"])
    token = BOX.seal(GATEWAY_TOKEN)
    tx.execute(update(products).values(device_protocol="hawkbit", gateway_token_sealed=token))
    task_id = tx.execute(select(tasks.c.id)).scalar_one()
    return Planted(rows.product.product_key, device.id, BOX.open(device.secret_sealed), task_id)


class DdiWorld:
    """The parts of the device API, with a clock and a bus of the test."""

    def __init__(self, store: Store, planted: Planted) -> None:
        self.store, self.planted = store, planted
        self.clock, self.bus = Clock(), RecordingBus()
        self.throttle = LoginThrottle(self.clock, ThrottleSettings())
        self.authenticator = Authenticator(store, BOX, self.clock, self.throttle, polls_per_lookup=100)
        self.presence = Presence(self.bus, self.clock, SETTINGS)
        self.desk = FeedbackDesk(store, self.bus, self.clock)

    @classmethod
    async def make(cls, folder: Path) -> "DdiWorld":
        """A world in a database of its own."""
        store = Store(databases.url(folder / "test.sqlite"))
        return cls(store, await store.write(plant))

    def address(self, name: str = "device-1") -> DeviceAddress:
        """A device of the product."""
        return DeviceAddress(self.planted.product_key, name)

    async def set_task(self, status: TaskStatus, **values: Any) -> None:
        """Puts the task into a state."""

        def work(tx: Connection) -> None:
            tx.execute(update(tasks).values(status=status, **values))

        await self.store.write(work)

    def taken(self) -> list[Report]:
        """The reports since the last time."""
        reports, self.bus.reports = self.bus.reports, []
        return reports
