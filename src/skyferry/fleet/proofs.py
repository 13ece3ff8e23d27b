"""How a gateway proves that a sub-device is its own: a signature with the sub-device's secret.

The text that is signed is made of all that is said of the sub-device, by the names in alphabetical order, names and
values one after the other (device-plane reference §2.10).
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from skyferry.fleet import names
from skyferry.fleet.logins import DeviceAddress

_DIGESTS: Final = {"hmacmd5": "md5", "hmacsha1": "sha1", "hmacsha256": "sha256"}
_DEFAULT_METHOD: Final = "hmacmd5"
_NOT_SIGNED: Final = frozenset({"sign", "signmethod", "cleansession"})
_MOST_FIELDS: Final = 16
_LONGEST_VALUE: Final = 256
_PRODUCT_KEY: Final = re.compile(r"[A-Za-z0-9]{1,32}")


class ProofError(Exception):
    """What is said of a sub-device is not of the form; the text says what to send instead."""


class UnknownMethodError(ProofError):
    """The signature is made by an algorithm that is not known."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What is said of a sub-device, taken apart.

    Attributes:
        address: the sub-device.
        signed: the texts that the signature may be of.
        digest: the hash of the signature, by its name in `hashlib`.
        sign: the signature in hexadecimal, in lower case.
    """

    address: DeviceAddress
    signed: tuple[bytes, ...] = field(repr=False)
    digest: str
    sign: bytes = field(repr=False)

    def is_right(self, secret: str) -> bool:
        """True when the signature was made with this secret."""
        key = secret.encode()
        right = False
        for text in self.signed:
            right |= hmac.compare_digest(hmac.digest(key, text, self.digest).hex().encode(), self.sign)
        return right


def read_address(fields: Mapping[str, object]) -> DeviceAddress:
    """The sub-device that is meant.

    Raises:
        ProofError: none is named.
    """
    product_key, device_name = fields.get("productKey"), fields.get("deviceName")
    if not isinstance(product_key, str) or not isinstance(device_name, str) or not product_key or not device_name:
        raise ProofError("Name each sub-device with productKey and deviceName.")
    if _PRODUCT_KEY.fullmatch(product_key) is None or not names.is_device_name(device_name):
        raise ProofError("The productKey or deviceName holds what no name has.")
    return DeviceAddress(product_key, device_name)


def read_proof(fields: Mapping[str, object], method: object = None) -> Proof:
    """Reads what is said of a sub-device.

    The clientId may have a part in bars that was signed with it, or was not: some SDKs do, some do not.

    Args:
        fields: what is said, by its names on the wire.
        method: the algorithm, where it is said for several sub-devices at once.

    Raises:
        UnknownMethodError: the algorithm is none of hmacMd5, hmacSha1 and hmacSha256.
        ProofError: something is missing, or not of the form.
    """
    address = read_address(fields)
    if len(fields) > _MOST_FIELDS:
        raise ProofError(f"A sub-device has at most {_MOST_FIELDS} fields.")
    said = {name: _text(name, value) for name, value in fields.items()}
    lower = {name.lower(): value for name, value in said.items()}
    named = lower.get("signmethod") or (_text("signMethod", method) if method is not None else _DEFAULT_METHOD)
    digest = _DIGESTS.get(named.lower())
    if digest is None:
        raise UnknownMethodError("The signMethod is hmacMd5, hmacSha1 or hmacSha256.")
    if not lower.get("sign"):
        raise ProofError("Sign what is said of each sub-device: sign is missing.")
    signed = {name: value for name, value in said.items() if name.lower() not in _NOT_SIGNED}
    texts = [_joined(signed)]
    base, bar, _ = signed.get("clientId", "").partition("|")
    if bar:
        texts.append(_joined(signed | {"clientId": base}))
    return Proof(address, tuple(texts), digest, lower["sign"].lower().encode(errors="replace"))


def _joined(fields: Mapping[str, str]) -> bytes:
    return "".join(name + fields[name] for name in sorted(fields)).encode(errors="replace")


def _text(name: str, value: object) -> str:
    """A value as its signature has it: numbers as they were written."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    if isinstance(value, int):
        if value.bit_length() > _LONGEST_VALUE:
            raise ProofError(f"The field {name[:_LONGEST_VALUE]} is too long.")
        value = str(value)
    if not isinstance(value, str) or len(value) > _LONGEST_VALUE:
        raise ProofError(
            f"The field {name[:_LONGEST_VALUE]} is a text or a number of at most {_LONGEST_VALUE} characters."
        )
    return value
