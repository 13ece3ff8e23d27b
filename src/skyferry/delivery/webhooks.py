"""Webhooks: a signed POST for each message, in the scheme of Standard Webhooks, which has libraries for receivers.

The signature is HMAC-SHA256 over `id.timestamp.body`, under the bytes that the secret holds in Base64.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from skyferry import __version__
from skyferry.clock import Clock
from skyferry.delivery.interface import DeliveryError, envelope
from skyferry.events.models import SIGNING_PREFIX
from skyferry.store.outbox import OutboxMessage

_SUCCESS: Final = range(200, 300)


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a message, as the header has it.

    Args:
        secret: `whsec_` and Base64.
        message_id: the MessageId.
        timestamp: when the message is sent, in seconds since the Unix epoch.
        body: the bytes that are sent.
    """
    key = base64.b64decode(secret.removeprefix(SIGNING_PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + binascii.b2a_base64(hmac.digest(key, signed, hashlib.sha256), newline=False).decode()


def open_session(timeout_ms: int) -> ClientSession:
    """The HTTP client that all webhooks share; couriers bound how much is under way."""
    return ClientSession(
        connector=TCPConnector(limit=0),
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=timeout_ms / 1_000),
        headers={"User-Agent": f"skyferry/{__version__}"},
        auto_decompress=False,
    )


class WebhookSender:
    """Posts to one URL."""

    def __init__(self, session: ClientSession, url: str, secret: str, clock: Clock) -> None:
        self._session = session
        self._url = url
        self._secret = secret
        self._clock = clock

    async def send(self, message: OutboxMessage) -> None:
        """See `Sender.send`: HTTP 2xx is the receipt, and redirections are not followed."""
        body = envelope(message)
        timestamp = self._clock.now_ms() // 1_000
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message.message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self._secret, message.message_id, timestamp, body),
        }
        try:
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                if answer.status not in _SUCCESS:
                    # Not its text: who may subscribe must not be able to read what a server inside the network says.
                    raise DeliveryError(f"HTTP {answer.status}")
        except TimeoutError:
            raise DeliveryError("No answer in time.") from None
        except (ClientError, OSError, ValueError) as error:
            raise DeliveryError(str(error) or type(error).__name__) from error
