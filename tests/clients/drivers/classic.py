"""Carries calls through the vendor's classic SDK (HMAC-SHA1, parameters in the query), in an environment of its own.

Arguments: endpoint, AccessKey, secret, JSON or XML, the key's token if it has one. Answers one JSON line for each on
its input.
"""

import importlib
import json
import sys
import warnings
from typing import Any
from xml.etree import ElementTree as ET

from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient


def build(action: str, parameters: dict[str, Any]) -> Any:
    """The SDK's request object, filled through its setters (lists have a plural of their own)."""
    module = importlib.import_module(f"aliyunsdkiot.request.v20180120.{action}Request")
    request = getattr(module, f"{action}Request")()
    for name, value in parameters.items():
        setter = getattr(request, f"set_{name}s" if isinstance(value, list) else f"set_{name}")
        setter(value)
    return request


def as_data(element: ET.Element) -> Any:
    """Elements as JSON would have them: repeated names make a list, an element without children its text."""
    if not len(element):
        return element.text or ""
    data: dict[str, Any] = {}
    for child in element:
        value = as_data(child)
        if child.tag not in data:
            data[child.tag] = value
        elif isinstance(data[child.tag], list):
            data[child.tag].append(value)
        else:
            data[child.tag] = [data[child.tag], value]
    return data


def call_json(client: AcsClient, request: Any) -> dict[str, Any]:
    """The documented way, which always asks for JSON."""
    try:
        return {"answer": json.loads(client.do_action_with_exception(request))}
    except ServerException as error:
        return {
            "error": {
                "code": error.get_error_code(),
                "message": error.get_error_msg(),
                "status": error.get_http_status(),
            }
        }


def call_xml(client: AcsClient, request: Any) -> dict[str, Any]:
    """The older way, which gives the body whatever the status: the root element says what it is."""
    request.set_accept_format("XML")
    root = ET.fromstring(client.do_action(request))
    data = as_data(root)
    if root.tag == "Error":
        return {"error": {"code": data["Code"], "message": data["Message"], "status": None}}
    action = request.get_action_name()
    if root.tag != f"{action}Response":
        raise ValueError(f"the root element of {action} is {root.tag}")
    return {"answer": data}


def main() -> None:
    warnings.simplefilter("ignore")
    endpoint, key_id, secret, answer_format, *token = sys.argv[1:]
    if token:
        client = AcsClient(region_id="cn-shanghai", credential=StsTokenCredential(key_id, secret, *token), timeout=60)
    else:
        client = AcsClient(key_id, secret, "cn-shanghai", timeout=60)
    carry = call_xml if answer_format == "XML" else call_json
    for line in sys.stdin:
        call = json.loads(line)
        request = build(call["action"], call["parameters"])
        request.set_endpoint(endpoint)
        print(json.dumps(carry(client, request)), flush=True)


if __name__ == "__main__":
    main()
