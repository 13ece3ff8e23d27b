"""Carries calls through the vendor's Tea SDK: in the tests' own process, or as a program in an environment of its own.

As a program it takes the endpoint and the AccessKey (with its token, if it has one) as arguments and answers one JSON
line for each on its input.
Version 5 of the SDK signs with ACS3-HMAC-SHA256; version 2 signs with HMAC-SHA1 and sends a form body.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

from alibabacloud_iot20180120 import models
from alibabacloud_iot20180120.client import Client
from alibabacloud_openapi_util.client import Client as OpenApiUtilClient
from alibabacloud_tea_openapi.models import Config, OpenApiRequest, Params
from alibabacloud_tea_util.models import RuntimeOptions


class TeaClient:
    """The SDK's client, with its methods and request models found by the operation's name."""

    def __init__(
        self, endpoint: str, key_id: str, secret: str, token: str | None = None, *, authority: str | None = None
    ) -> None:
        """Calls over HTTPS where the file of an authority (PEM) is given, which version 2 does not know."""
        self._protocol = "HTTPS" if authority else "HTTP"
        self._client = Client(
            Config(
                access_key_id=key_id,
                access_key_secret=secret,
                security_token=token,
                endpoint=endpoint,
                protocol=self._protocol,
                read_timeout=60_000,
                **({"ca": authority} if authority else {}),
            )
        )
        self._methods = {
            name.replace("_", ""): name for name in dir(self._client) if "_with_options" not in name and name[0] != "_"
        }

    def call(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """`{"answer": body}` or `{"error": {"code", "message", "status"}}`."""
        try:
            answer = self._call(action, parameters)
        except Exception as error:
            code = getattr(error, "code", None)
            if not code:
                raise
            status = getattr(error, "status_code", None) or (getattr(error, "data", None) or {}).get("statusCode")
            return {"error": {"code": code, "message": str(getattr(error, "message", "")), "status": status}}
        return {"answer": answer}

    def _call(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        if action.lower() not in self._methods:
            return self._call_by_name(action, parameters)
        answer: dict[str, Any] = self.typed(action, parameters).to_map()
        return answer

    def typed(self, action: str, parameters: Mapping[str, Any]) -> Any:
        """The body of an answer as an object of the SDK."""
        request = getattr(models, f"{action}Request")()
        method = getattr(self._client, self._methods[action.lower()])
        return method(request.from_map(dict(parameters))).body

    def _call_by_name(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Operations that the SDK has no method for: those that only this server has (docs/guide/events.md)."""
        params = Params(
            action=action,
            version="2018-01-20",
            protocol=self._protocol,
            pathname="/",
            method="POST",
            auth_type="AK",
            style="RPC",
            req_body_type="formData",
            body_type="json",
        )
        request = OpenApiRequest(query=OpenApiUtilClient.query(dict(parameters)))
        answer: dict[str, Any] = self._client.call_api(params, request, RuntimeOptions())["body"]
        return answer


def main() -> None:
    client = TeaClient(*sys.argv[1:5])
    for line in sys.stdin:
        call = json.loads(line)
        print(json.dumps(client.call(call["action"], call["parameters"])), flush=True)


if __name__ == "__main__":
    main()
