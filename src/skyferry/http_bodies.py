"""What goes wrong with the body of an HTTP request."""

from typing import Final

from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError

BROKEN: Final = (ConnectionError, ClientError, HttpProcessingError, web.RequestPayloadError)
"""What reading a body raises when it ends before it is complete, or breaks the rules of HTTP."""
