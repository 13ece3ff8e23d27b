"""What the device plane counts, for `/metrics`."""

from typing import Final

from prometheus_client import Counter, Gauge

CONNECTIONS: Final = Gauge("skyferry_device_connections", "Devices that are logged in.")
LOGINS: Final = Counter("skyferry_device_logins", "Log-ins of devices, by result.", ["result"])
REGISTRATIONS: Final = Counter(
    "skyferry_device_registrations", "Devices that registered themselves, by what they got.", ["credential"]
)
REGISTRATIONS_REFUSED: Final = Counter(
    "skyferry_device_registrations_refused", "Registrations over HTTPS that were refused, by reason.", ["reason"]
)
PUBLISHES: Final = Counter("skyferry_device_publishes", "Messages from devices, by what they say.", ["uplink"])
NOTICES: Final = Counter("skyferry_device_notices", "Messages to devices, by kind.", ["kind"])
DROPPED: Final = Counter("skyferry_device_dropped", "Messages from and to devices that were dropped.", ["reason"])
FILE_REQUESTS: Final = Counter(
    "skyferry_device_file_requests", "Requests for blocks of package files over MQTT, by result.", ["result"]
)
FILE_BYTES: Final = Counter("skyferry_device_file_bytes", "Bytes of package files that were sent over MQTT.")
SERVICES: Final = Counter(
    "skyferry_device_services", "Requests of services that this server has not, by what became of them.", ["result"]
)
CUSTOM: Final = Counter(
    "skyferry_device_custom_messages", "Messages on custom topics, by what became of them.", ["result"]
)
GATEWAY_REQUESTS: Final = Counter(
    "skyferry_gateway_requests", "Requests of gateways about their sub-devices, by answer.", ["service", "code"]
)
