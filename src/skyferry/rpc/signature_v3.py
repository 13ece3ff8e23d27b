"""The signature in the headers: ACS3-HMAC-SHA256 (gateway reference §1.4)."""

import hmac
from hashlib import sha256
from typing import Final

from skyferry.errors import ApiError
from skyferry.rpc import advice, gateway_errors
from skyferry.rpc.encoding import canonical_query
from skyferry.rpc.signature import Headers, PublicParameters, SignedRequest

ALGORITHM: Final = "ACS3-HMAC-SHA256"
_PAYLOAD_HASH: Final = "x-acs-content-sha256"
_REQUIRED: Final = {"x-acs-version": "Version", "x-acs-signature-nonce": "SignatureNonce", "x-acs-date": "Timestamp"}
_MUST_BE_SIGNED: Final = frozenset({"host", "x-acs-action", *_REQUIRED})


def is_v3(headers: Headers) -> bool:
    """True for a request that is signed in its headers, or tries to be."""
    return headers.get("Authorization", "").startswith("ACS3-") or _PAYLOAD_HASH in headers


def authorization(headers: Headers) -> tuple[str, dict[str, str]]:
    """The algorithm and the `Credential`, `SignedHeaders`, `Signature` of the Authorization header, in any order."""
    algorithm, _, rest = headers.get("Authorization", "").strip().partition(" ")
    parts = (part.partition("=") for part in rest.split(","))
    return algorithm, {name.strip(): value.strip() for name, _, value in parts}


def canonical_request(request: SignedRequest, signed_headers: str) -> str:
    """The six parts that the signature covers, joined by newlines.

    Args:
        request: what was received.
        signed_headers: the client's own list, `;` between the names: headers outside of it do not enter.
    """
    lines = [f"{name.lower()}:{_header(request.headers, name)}\n" for name in signed_headers.split(";")]
    return "\n".join(
        (
            request.method,
            "/",
            canonical_query(request.query),
            "".join(lines),
            signed_headers,
            request.headers.get(_PAYLOAD_HASH, ""),
        )
    )


def string_to_sign(canonical: str) -> str:
    """The text that is signed: algorithm and hash of the canonical request."""
    return f"{ALGORITHM}\n{sha256(_bytes(canonical)).hexdigest()}"


def sign(text: str, secret: str) -> str:
    """The signature of a text: hex of the HMAC under the bare secret."""
    return hmac.digest(secret.encode(), text.encode(), "sha256").hex()


class SignatureV3:
    """Verifies requests that carry their signature in `Authorization`."""

    methods: Final = frozenset({ALGORITHM})

    def public_parameters(self, request: SignedRequest) -> PublicParameters:
        """Takes the public parameters out of the headers.

        Raises:
            ApiError: one is absent or blank.
        """
        headers = request.headers
        if not headers.get("x-acs-action"):
            raise advice.refusal(gateway_errors.ACTION_NOT_FOUND, advice.NO_ACTION)
        for header, parameter in _REQUIRED.items():
            if not headers.get(header):
                raise gateway_errors.missing(parameter)
        for header in ("Authorization", _PAYLOAD_HASH):
            if not headers.get(header):
                raise gateway_errors.missing_header(header)
        algorithm, fields = authorization(headers)
        for field, parameter in (("Credential", "AccessKeyId"), ("Signature", "Signature")):
            if not fields.get(field):
                raise gateway_errors.missing(parameter)
        return PublicParameters(
            action=headers["x-acs-action"],
            version=headers["x-acs-version"],
            access_key_id=fields["Credential"],
            signature=fields["Signature"],
            signature_method=algorithm,
            nonce=headers["x-acs-signature-nonce"],
            timestamp=headers["x-acs-date"],
            security_token=headers.get("x-acs-security-token", ""),
        )

    def verify(self, request: SignedRequest, public: PublicParameters, secret: str) -> None:
        """Checks the signature, that it covers what decides about the request, and that the body is the signed one.

        Raises:
            ApiError: one of it fails.
        """
        signed_headers = authorization(request.headers)[1].get("SignedHeaders", "")
        unsigned = _MUST_BE_SIGNED.difference(signed_headers.lower().split(";"))
        if unsigned:
            names = ", ".join(sorted(unsigned))
            raise ApiError(gateway_errors.INCOMPLETE_SIGNATURE, f"SignedHeaders must include {names}.")
        canonical = canonical_request(request, signed_headers)
        text = string_to_sign(canonical)
        if not hmac.compare_digest(sign(text, secret).encode(), public.signature.encode()):
            raise ApiError(
                gateway_errors.SIGNATURE_DOES_NOT_MATCH,
                f"Specified signature does not match our calculation. server StringToSign is [{text}] "
                f"server CanonicalRequest is [{canonical}]",
            )
        if sha256(request.body).hexdigest() != request.headers.get(_PAYLOAD_HASH):
            raise ApiError(
                gateway_errors.SIGNATURE_DOES_NOT_MATCH,
                f"Specified signature does not match our calculation: {_PAYLOAD_HASH} is not the SHA-256 of the body.",
            )


def _header(headers: Headers, name: str) -> str:
    """The value that is signed: verbatim but for surrounding blanks; several values are sorted and joined."""
    return ",".join(sorted(value.strip() for value in headers.getall(name, ())))


def _bytes(text: str) -> bytes:
    """The bytes as received: aiohttp keeps header bytes that are not UTF-8 as surrogates."""
    return text.encode("utf-8", "surrogateescape")
