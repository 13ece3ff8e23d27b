"""How long a device is left alone that is offered the same thing again and again and never comes to an end with it.

A device that crashes on its update comes back on a new connection, is pushed to, downloads, crashes: without a pause
that goes on until somebody looks, at the price of a whole download each time.
"""

from skyferry.ota.models import EngineLimits


def delay_ms(times: int, limits: EngineLimits) -> int:
    """How many milliseconds lie between the last of so many vain attempts and the next one.

    The first ones follow each other at once: connections break. Then the delay doubles from one to the next.
    """
    over = times - limits.patient_pushes
    if over < 0 or not limits.push_backoff_ms:
        return 0
    return min(limits.push_backoff_ms << min(over, 32), limits.push_backoff_most_ms)
