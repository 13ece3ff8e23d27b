"""A person's browser without a browser: pages by HTTP, forms as the pages have them."""

import re
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
        form = next(
            item for item in self.document.forms if urlsplit(item.get("action", "")).path == f"/console{action}"
        )
        data = dict(form.form_values()) | fields
        return self._take(self.session.post(self.base + form.action, data=data, timeout=60))

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
