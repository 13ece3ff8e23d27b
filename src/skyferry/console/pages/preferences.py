"""Language and colours: kept in cookies of the browser."""

from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from skyferry.console.languages import LANGUAGES
from skyferry.console.page import LANGUAGE_COOKIE, ROOT, THEME_COOKIE, THEMES, Page
from skyferry.console.routing import Pages

pages = Pages()
_YEAR_SECONDS: Final = 31_536_000


@pages.post("/preferences", public=True)
async def change(page: Page) -> web.StreamResponse:
    """Keeps what was chosen, and shows the page again where it was."""
    before = urlsplit(page.request.headers.get("Referer", ""))
    back = before.path if before.path.startswith(f"{ROOT}/") else f"{ROOT}/"
    if before.query:
        back += f"?{before.query}"
    response = web.Response(status=303, headers={"Location": back})
    for field, cookie, known in (("language", LANGUAGE_COOKIE, tuple(LANGUAGES)), ("theme", THEME_COOKIE, THEMES)):
        chosen = page.form.get(field)
        if chosen in known:
            response.set_cookie(cookie, chosen, max_age=_YEAR_SECONDS, path=ROOT, httponly=True, samesite="Lax")
        elif chosen is not None:
            response.del_cookie(cookie, path=ROOT)
    return response
