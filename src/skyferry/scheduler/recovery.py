"""What a start does first: the connections of the former run are gone, and so is what was due on them."""

from sqlalchemy import Connection

from skyferry.store import presence, tasks


def recover(tx: Connection, now: int) -> int:
    """Marks every device offline and takes back pushes that were due; tells how many devices were online.

    Devices connect again, report their versions, and are pushed to as on any new connection.
    """
    tasks.forget_due(tx)
    return presence.forget_connections(tx, now)
