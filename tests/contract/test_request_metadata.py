"""The parameters of each operation against the vendor's published request metadata (openapi-meta, 2026-04)."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from alibabacloud_iot20180120 import models

from skyferry.operations import OPERATIONS
from skyferry.rpc import shapes

METADATA: Final[dict[str, Any]] = json.loads((Path(__file__).parent / "fixtures/request-metadata.json").read_text())

VENDOR: Final = [name for name, operation in OPERATIONS.items() if operation.vendor]


def same(kind: str, shape: shapes.Shape) -> bool:
    match shape:
        case shapes.Text():
            return kind == "string"
        case shapes.Number():
            return kind == "integer"
        case shapes.Boolean():
            return kind == "boolean"
        case shapes.Listed():
            return kind == "array"
    return False


def parameters() -> list[tuple[str, str, str, bool]]:
    return [
        (action, item["name"], item["schema"]["type"], bool(item["schema"].get("required")))
        for action in VENDOR
        for item in METADATA[action]["parameters"]
    ]


@pytest.mark.parametrize(("action", "name", "kind", "required"), parameters())
def test_a_documented_parameter_is_read_with_its_type(action: str, name: str, kind: str, required: bool) -> None:
    model = OPERATIONS[action].request
    members = dict(shapes.structure_of(model).members)
    assert name in members
    assert same(kind, members[name]), members[name]
    [field] = [field for field in model.model_fields.values() if field.alias == name]
    assert field.is_required() == required


@pytest.mark.parametrize("action", VENDOR)
def test_the_documented_methods_are_answered(action: str) -> None:
    assert {method.upper() for method in METADATA[action]["methods"]} <= OPERATIONS[action].methods


@pytest.mark.parametrize("action", sorted(OPERATIONS.keys() - set(VENDOR)))
def test_our_own_operations_take_no_name_of_the_vendors(action: str) -> None:
    assert not hasattr(models, f"{action}Request")
    assert action not in METADATA
