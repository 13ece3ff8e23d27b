"""What the documents list is what there is."""

from pathlib import Path

import pytest

from skyferry.operations import OPERATIONS
from skyferry.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_guide(name: str) -> None:
    lines = (ROOT / "docs/guide/configuration.md").read_text().splitlines()
    listed = [line.split("|")[1] for line in lines if line.startswith("| `")]
    assert f"`{name}`" in " ".join(listed)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_in_the_changelog(name: str) -> None:
    assert name in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    "document", [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))], ids=lambda path: path.name
)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for part in document.read_text().split("](")[1:]:
        target = part.partition(")")[0].partition("#")[0]
        if target and "://" not in target:
            assert (document.parent / target).exists(), target
