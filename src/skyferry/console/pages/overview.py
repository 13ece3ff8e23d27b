"""The first page: what is going out, what fails, and how many devices are there."""

from aiohttp import web

from skyferry.console.page import Page
from skyferry.console.routing import Pages

pages = Pages()


@pages.get("/")
async def show(page: Page) -> web.StreamResponse:
    """The overview."""
    return page.render("overview.html")
