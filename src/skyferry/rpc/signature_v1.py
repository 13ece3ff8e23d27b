"""The signature in the parameters: SignatureVersion 1.0, HMAC over method and sorted parameters (§1.2, §1.3)."""

import base64
import hmac
from collections.abc import Mapping
from typing import Final

from skyferry.errors import ApiError
from skyferry.rpc import advice, gateway_errors
from skyferry.rpc.encoding import canonical_query, percent_encode
from skyferry.rpc.signature import PublicParameters, SignedRequest

_DIGESTS: Final = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256"}
_REQUIRED: Final = (
    "Version",
    "AccessKeyId",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "SignatureNonce",
    "Timestamp",
)


def string_to_sign(method: str, parameters: Mapping[str, str]) -> str:
    """The text that is signed. The path in it is always `/`, whatever path was requested.

    Args:
        method: the HTTP method, in upper case.
        parameters: all parameters of URL and form body; `Signature` is left out here.
    """
    signed = {name: value for name, value in parameters.items() if name != "Signature"}
    return f"{method}&%2F&{percent_encode(canonical_query(signed))}"


def sign(text: str, secret: str, *, method: str = "HMAC-SHA1") -> str:
    """The signature of a text: base64 of the HMAC under the secret followed by `&`."""
    return base64.b64encode(hmac.digest(f"{secret}&".encode(), text.encode(), _DIGESTS[method])).decode()


class SignatureV1:
    """Verifies requests that carry `Signature` as a parameter."""

    methods: Final = frozenset(_DIGESTS)

    def public_parameters(self, request: SignedRequest) -> PublicParameters:
        """Takes the public parameters out of query and form body.

        Raises:
            ApiError: one is absent or blank. Without an Action the answer is that of an unknown one (§2.1).
        """
        parameters = request.parameters
        if not parameters.get("Action"):
            raise advice.refusal(gateway_errors.ACTION_NOT_FOUND, advice.NO_ACTION)
        for name in _REQUIRED:
            if not parameters.get(name):
                raise gateway_errors.missing(name)
        if parameters["SignatureVersion"] != "1.0":
            raise gateway_errors.invalid("SignatureVersion", "It is 1.0.")
        return PublicParameters(
            action=parameters["Action"],
            version=parameters["Version"],
            access_key_id=parameters["AccessKeyId"],
            signature=parameters["Signature"],
            signature_method=parameters["SignatureMethod"],
            nonce=parameters["SignatureNonce"],
            timestamp=parameters["Timestamp"],
            security_token=parameters.get("SecurityToken", ""),
        )

    def verify(self, request: SignedRequest, public: PublicParameters, secret: str) -> None:
        """Checks the signature.

        Raises:
            ApiError: it differs. The sentence ends with our text to sign: clients compare it with theirs to tell a
                wrong secret from a wrong canonicalisation, and break without the colon (§2.3).
        """
        text = string_to_sign(request.method, request.parameters)
        expected = sign(text, secret, method=public.signature_method)
        if not hmac.compare_digest(expected.encode(), public.signature.encode()):
            kind = gateway_errors.SIGNATURE_DOES_NOT_MATCH
            raise ApiError(kind, f"{kind.text} server string to sign is:{text}")
