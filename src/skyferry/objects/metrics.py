"""What downloads are counted by, for `/metrics`."""

from typing import Final

from prometheus_client import Counter, Gauge

ACTIVE: Final = Gauge("skyferry_downloads_active", "Downloads that are being answered.")
WAITING: Final = Gauge("skyferry_downloads_waiting", "Downloads that wait for their turn.")
DOWNLOADS: Final = Counter("skyferry_downloads", "Requests for files with a valid URL, by result.", ["result"])
"""Results: `complete`, `broken` (the client went away or stalled, or the file could not be read), `refused`,
`redirected` (someone else sends the bytes)."""
BYTES: Final = Counter("skyferry_download_bytes", "Bytes of files that were sent.")
