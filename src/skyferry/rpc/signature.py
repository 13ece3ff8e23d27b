"""What the two signature schemes have in common: what they read, and what they take out of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from multidict import CIMultiDict, CIMultiDictProxy

Headers = CIMultiDict[str] | CIMultiDictProxy[str]


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The parts of a request that a signature may cover.

    Attributes:
        method: the HTTP method, in upper case.
        query: the parameters of the URL.
        parameters: the parameters of URL and form body; the body wins where both have a name.
        headers: the headers, names in any case.
        body: the body as sent.
    """

    method: str
    query: Mapping[str, str]
    parameters: Mapping[str, str]
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class PublicParameters:
    """What every request says about itself (gateway reference §1.2, §1.4).

    Attributes:
        action: the operation's name.
        version: the API version.
        access_key_id: whose signature it is.
        signature: the signature as sent.
        signature_method: the algorithm.
        nonce: unique per request.
        timestamp: when the request was signed, as sent.
        security_token: what goes with a temporary access key; empty with another one.
    """

    action: str
    version: str
    access_key_id: str
    signature: str
    signature_method: str
    nonce: str
    timestamp: str
    security_token: str


class SignatureScheme(Protocol):
    """V1 or V3."""

    @property
    def methods(self) -> Collection[str]:
        """The algorithms that are understood."""
        ...

    def public_parameters(self, request: SignedRequest) -> PublicParameters:
        """Takes the public parameters out of the request.

        Raises:
            ApiError: one is absent.
        """
        ...

    def verify(self, request: SignedRequest, public: PublicParameters, secret: str) -> None:
        """Checks the signature.

        Raises:
            ApiError: it is not the one that `secret` makes for this request.
        """
        ...
