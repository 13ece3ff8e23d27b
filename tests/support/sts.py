"""The vendor's client of the service that gives out temporary access keys, pointed at a server of ours."""

from typing import Any

from alibabacloud_sts20150401 import models
from alibabacloud_sts20150401.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import Config

from tests.support import answered
from tests.support.api import GatewayError


class StsClient:
    """AssumeRole through the official library (V3 signature, version 2015-04-01)."""

    def __init__(self, endpoint: str, key_id: str, secret: str, token: str | None = None) -> None:
        self._client = Client(
            Config(
                access_key_id=key_id,
                access_key_secret=secret,
                security_token=token,
                endpoint=endpoint,
                protocol="HTTP",
                read_timeout=60_000,
            )
        )

    def assume_role(self, arn: str, session: str = "test", **more: Any) -> models.AssumeRoleResponseBody:
        """A temporary access key.

        Raises:
            GatewayError: it is refused.
        """
        try:
            request = models.AssumeRoleRequest(role_arn=arn, role_session_name=session, **more)
            return self._client.assume_role(request).body
        except ClientException as error:
            answered.note("AssumeRole", error.code, str(error.message).partition(", ")[2])
            raise GatewayError(error.code, str(error.message), error.status_code) from None
