"""What a start does first: the connections of the former run are gone, and so is what was due on them."""

from sqlalchemy import Connection

from skyferry.events import publishing
from skyferry.events.models import EventType, PresenceChanged
from skyferry.store import disconnections, presence, tasks


def tell_departures(tx: Connection, now: int, *, after: int, most: int) -> int | None:
    """Tells the business server that devices are offline, when it wants to know: up to `most`, in order of their keys.

    Returns:
        The last device's key, after which to go on; None when nobody is left to be told of.
    """
    if not publishing.is_wanted(tx, EventType.DEVICE_STATUS):
        return None
    gone = presence.forget_some_connections(tx, now, after=after, limit=most)
    publishing.publish(tx, [PresenceChanged(key, online=False, address=None, at=now) for key in gone], now)
    return gone[-1] if gone else None


def recover(tx: Connection, now: int) -> int:
    """Marks every device offline and takes back pushes that were due; tells how many devices were online.

    Devices connect again, report their versions, and are pushed to as on any new connection.
    """
    tasks.forget_due(tx)
    disconnections.forget(tx)
    return presence.forget_connections(tx, now)
