"""Security tokens: what a temporary access key is, sealed with the server's key (gateway reference §4.6).

A token carries all that is known of its session, so every process that has the server's key can read it and nothing is
stored. Only what it names, the role, must still be there.
"""

import base64
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidTag

from skyferry.keys import KeyRing, SecretBox
from skyferry.ram.errors import TokenError

TEMPORARY_KEYS: Final = "STS."
"""What the AccessKeyIds of sessions begin with."""


@dataclass(frozen=True, slots=True)
class Session:
    """The time during which someone is a role.

    Attributes:
        role_id: the role's `RoleId`, which no later role of the same name has.
        name: what the one who assumed the role calls the session.
        access_key_id: the temporary AccessKeyId.
        secret: its secret.
        expires_ms: when it ends.
        policy: the document that limits what the role allows, or None.
    """

    role_id: str
    name: str
    access_key_id: str
    secret: str = field(repr=False)
    expires_ms: int
    policy: Any


class SecurityTokens:
    """Makes tokens and reads them."""

    def __init__(self, ring: KeyRing) -> None:
        """Takes the server's keys: tokens have one of their own."""
        self._box = SecretBox(ring.derive("security-tokens"))

    def seal(self, session: Session) -> str:
        """The session as a token."""
        return base64.b64encode(self._box.seal(json.dumps(asdict(session)))).decode()

    def open(self, token: str) -> Session:
        """The session behind a token.

        Raises:
            TokenError: it is none of this server's.
        """
        try:
            return Session(**json.loads(self._box.open(base64.b64decode(token, validate=True))))
        except (ValueError, TypeError, InvalidTag):
            raise TokenError("The token is not one of this server's.") from None
