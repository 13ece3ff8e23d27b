"""What the server says of its TLS to Prometheus."""

from typing import Final

from prometheus_client import Counter, Gauge

CERTIFICATE_ENDS: Final = Gauge(
    "skyferry_tls_certificate_end_timestamp_seconds", "When the server's certificate ends, in Unix time."
)
CONNECTIONS_REFUSED: Final = Counter(
    "skyferry_connections_refused_total", "Connections that ended before a protocol began.", ["reason"]
)
