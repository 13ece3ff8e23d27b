"""What an answer of the API leaves out is nothing on a page; a name that nobody gave is a fault."""

import jinja2
import pytest

from skyferry.console.application import Missing

ENVIRONMENT = jinja2.Environment(undefined=Missing, autoescape=True)


def render(source: str) -> str:
    return ENVIRONMENT.from_string(source).render(item={"Name": "a"})


def test_a_member_that_is_left_out_is_nothing() -> None:
    assert render("{{ item.Name }}{% if item.Size %}!{% endif %}{{ item.Size }}{{ item.Size|default('-') }}") == "a-"


def test_a_name_that_nobody_gave_is_a_fault() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'thing' is undefined"):
        render("{% if thing %}!{% endif %}")
