"""A person's browser without a browser: pages by HTTP, forms as the pages have them."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import requests
from lxml import html

from tests.support.server import ROOT_PASSWORD, Address


class Browser:
    """Keeps cookies, follows redirects, sends the forms of the page that it has last seen; runs no script."""

    def __init__(self, http: Address) -> None:
        self.base = f"http://{http}"
        self.session = requests.Session()
        self.response = requests.Response()

    def open(self, path: str) -> int:
        """Loads a page of the console and returns its status."""
        return self._take(self.session.get(self.base + "/console" + path, timeout=60))

    def send(self, action: str, **fields: str) -> int:
        """Sends the form of the page that goes to this action (a path below `/console`), with these fields in it."""
        return self.post(action, self.form(action) | {name: [value] for name, value in fields.items()})

    def form(self, action: str) -> dict[str, list[str]]:
        """What the fields of the form of the page that goes to this action hold, several of a name in their order."""
        form = next(
            item for item in self.document.forms if urlsplit(item.get("action", "")).path == f"/console{action}"
        )
        values: dict[str, list[str]] = {}
        for name, value in form.form_values():
            values.setdefault(name, []).append(value)
        return values

    def post(self, action: str, data: Mapping[str, str | Sequence[str]]) -> int:
        """Sends fields that no form of the page may have."""
        return self._take(self.session.post(f"{self.base}/console{action}", data=data, timeout=60))

    @property
    def token(self) -> str:
        """What forms of the page carry."""
        return str(self.document.xpath("string(//input[@name='form_token']/@value)"))

    def sign_in(self, login: str = "root", password: str = ROOT_PASSWORD) -> int:
        """Signs in."""
        self.open("/sign-in")
        return self.send("/sign-in", login=login, password=password)

    @property
    def document(self) -> html.HtmlElement:
        """The page."""
        return html.fromstring(self.response.text)

    @property
    def text(self) -> str:
        """What the page says, blanks folded."""
        return re.sub(r"\s+", " ", self.document.text_content()).strip()

    @property
    def path(self) -> str:
        """Where the browser is, below `/console`."""
        return urlsplit(self.response.url).path.removeprefix("/console")

    def _take(self, response: requests.Response) -> int:
        self.response = response
        return response.status_code
