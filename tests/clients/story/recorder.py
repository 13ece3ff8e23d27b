"""The SDK's client, which notes what of the SDK's response classes the answers fill."""

import inspect
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from tests.clients.drivers.tea import TeaClient


class Recorder(TeaClient):
    """A client whose answers are looked through before they are handed on."""

    def __init__(self, endpoint: str, key_id: str, secret: str) -> None:
        super().__init__(endpoint, key_id, secret)
        self.filled: defaultdict[str, set[str]] = defaultdict(set)

    def typed(self, action: str, parameters: Mapping[str, Any]) -> Any:
        """The answer; its fields are noted."""
        body = super().typed(action, parameters)
        self.filled[action].update(filled_fields(body))
        return body


def documented_fields(model: type) -> Iterator[str]:
    """Every value that objects of a response class can hold: `data.tags.ota_tag_dto[].key`."""
    for name, parameter in list(inspect.signature(model).parameters.items()):
        kind, item = parameter.annotation, ""
        if get_origin(kind) is list:
            [kind], item = get_args(kind), "[]"
        if inspect.isclass(kind) and hasattr(kind, "from_map"):
            yield from (f"{name}{item}.{inner}" for inner in documented_fields(kind))
        else:
            yield name + item


def filled_fields(found: Any) -> Iterator[str]:
    """The fields of an answer that hold something."""
    for name in inspect.signature(type(found)).parameters:
        value = getattr(found, name)
        path = f"{name}[]" if isinstance(value, list) else name
        for item in value if isinstance(value, list) else [value]:
            if hasattr(item, "to_map"):
                yield from (f"{path}.{inner}" for inner in filled_fields(item))
            elif item is not None and item != "":
                yield path
