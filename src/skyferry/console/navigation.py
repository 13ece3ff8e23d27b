"""The areas of the console, in the order of the menu."""

from skyferry.console.languages import translate as _


def navigation() -> tuple[tuple[str, str, str], ...]:
    """Each area: its path, its name, and the operation without which there is nothing to see in it."""
    return (
        ("/", _("Overview"), "ListOTAJobs"),
        ("/products", _("Products"), "QueryProductList"),
        ("/devices", _("Devices"), "ListDevices"),
        ("/groups", _("Groups"), "QueryDeviceGroupList"),
        ("/packages", _("Update packages"), "ListOTAFirmware"),
        ("/analysis", _("Data analysis"), "QueryOTAVersionDistribution"),
        ("/events", _("Events"), "ListEventSubscriptions"),
        ("/access", _("Access"), "ListUsers"),
        ("/audit", _("Audit log"), "QueryAuditRecords"),
        ("/server", _("Settings and health"), "QueryServerStatus"),
    )
