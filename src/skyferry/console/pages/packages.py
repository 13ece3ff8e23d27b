"""Update packages: the list, and one with its batches."""

from aiohttp import web

from skyferry.console.page import PAGE_SIZE, Page
from skyferry.console.routing import Pages

pages = Pages()


@pages.get("/packages")
async def show_list(page: Page) -> web.StreamResponse:
    """The packages of all products, or of one."""
    query = page.query
    answer = await page.call(
        "ListOTAFirmware",
        CurrentPage=query.get("page", "1"),
        PageSize=PAGE_SIZE,
        ProductKey=query.get("product"),
        DestVersion=query.get("version"),
    )
    return page.render(
        "packages/list.html",
        packages=answer["FirmwareInfo"]["SimpleFirmwareInfo"],
        number=answer["CurrentPage"],
        count=answer["PageCount"],
        total=answer["Total"],
        products=await page.products(),
    )


@pages.get("/packages/{firmware_id}")
async def show(page: Page) -> web.StreamResponse:
    """A package with its batches: the batch ID that CancelOTATaskByDevice needs is here."""
    firmware_id = page.name("firmware_id")
    package = await page.call("QueryOTAFirmware", FirmwareId=firmware_id)
    jobs = await page.call(
        "ListOTAJobByFirmware", FirmwareId=firmware_id, CurrentPage=page.query.get("page", "1"), PageSize=PAGE_SIZE
    )
    return page.render(
        "packages/show.html",
        package=package["FirmwareInfo"],
        jobs=jobs["Data"]["SimpleOTAJobInfo"],
        number=jobs["CurrentPage"],
        count=jobs["PageCount"],
        total=jobs["Total"],
    )
