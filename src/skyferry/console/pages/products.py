"""Products: the list, one with its secret, its settings and the keys that sign its packages."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from skyferry.console import reading
from skyferry.console.languages import translate as _
from skyferry.console.page import PAGE_SIZE, Page
from skyferry.console.parameters import EMPTY
from skyferry.console.problems import STATUS, Problem
from skyferry.console.routing import Pages
from skyferry.rpc.direct import CallError

pages = Pages()


@pages.get("/products")
async def show_list(page: Page) -> web.StreamResponse:
    """The products."""
    answer = await page.call("QueryProductList", CurrentPage=page.query.get("page", "1"), PageSize=PAGE_SIZE)
    data = answer["Data"]
    return page.render(
        "products/list.html",
        products=data["List"]["ProductInfo"],
        number=data["CurrentPage"],
        count=data["PageCount"],
        total=data["Total"],
    )


@pages.get("/products/new", needs=["CreateProduct"])
async def show_new(page: Page) -> web.StreamResponse:
    """The form for a new product."""
    return page.render("products/new.html", values={}, problem=None)


@pages.post("/products/new")
async def add(page: Page) -> web.StreamResponse:
    """Makes a product."""
    form = page.form
    names = ("ProductName", "NodeType", "AuthType", "NetType", "Description")
    try:
        made = await page.call("CreateProduct", **{name: form.get(name, "").strip() for name in names})
    except CallError as error:
        return page.render("products/new.html", status=STATUS, values=form, problem=Problem.of(error))
    return page.redirect(f"/products/{made['ProductKey']}", _("The product has been made."))


@pages.get("/products/{product}")
async def show(page: Page) -> web.StreamResponse:
    """A product: what it is, how many devices it has, what devices need to know of it."""
    return await _show(page)


@pages.post("/products/{product}")
async def change(page: Page) -> web.StreamResponse:
    """Gives a product another name and description."""
    key, form = page.name("product"), page.form
    description = form.get("Description", "").strip() or EMPTY
    try:
        await page.call(
            "UpdateProduct",
            ProductKey=key,
            ProductName=form.get("ProductName", "").strip(),
            Description=description,
        )
    except CallError as error:
        return await _show(page, values=form, problem=Problem.of(error))
    return page.redirect(f"/products/{key}", _("The product has been changed."))


async def _show(page: Page, *, values: Mapping[str, str] | None = None, problem: Problem | None = None) -> web.Response:
    key = page.name("product")
    product = await product_of(page)
    counts = await page.call_if_allowed("QueryDeviceStatistics", ProductKey=key)
    return page.render(
        "products/show.html",
        status=STATUS if problem else 200,
        product=product,
        counts=counts["Data"] if counts else None,
        values=values or {"ProductName": product["ProductName"], "Description": product.get("Description", "")},
        problem=problem,
    )


@pages.get("/products/{product}/settings")
async def show_settings(page: Page) -> web.StreamResponse:
    """How the devices of a product register, what they speak, where they download, what signs their packages."""
    return await _settings(page)


@pages.post("/products/{product}/settings")
async def change_settings(page: Page) -> web.StreamResponse:
    """Changes the settings."""
    key, form = page.name("product"), page.form
    try:
        await page.call(
            "UpdateProductSettings",
            ProductKey=key,
            DynamicRegistration=form.get("DynamicRegistration"),
            DeviceProtocol=form.get("DeviceProtocol"),
            DownloadBase=form.get("DownloadBase", "").strip() or EMPTY,
            SecureUpdate=reading.is_set(form, "SecureUpdate"),
        )
    except CallError as error:
        return await _settings(page, values=form, problem=Problem.of(error))
    return page.redirect(f"/products/{key}/settings", _("The settings have been changed."))


@pages.post("/products/{product}/keys")
async def add_key(page: Page) -> web.StreamResponse:
    """Gives a product its first key, or one in place of the present one."""
    key, form = page.name("product"), page.form
    action = "RotateProductSigningKey" if form.get("do") == "rotate" else "CreateProductSigningKey"
    try:
        await page.call(action, ProductKey=key, PrivateKey=form.get("PrivateKey", "").strip())
    except CallError as error:
        return await _settings(page, problem=Problem.of(error))
    return page.redirect(f"/products/{key}/settings", _("The new key signs the product's packages from now on."))


async def _settings(
    page: Page, *, values: Mapping[str, str] | None = None, problem: Problem | None = None
) -> web.Response:
    key = page.name("product")
    settings = (await page.call("QueryProductSettings", ProductKey=key))["Data"]
    keys = await page.call_if_allowed("ListProductSigningKeys", ProductKey=key)
    present = {
        "DynamicRegistration": settings["DynamicRegistration"],
        "DeviceProtocol": settings["DeviceProtocol"],
        "DownloadBase": settings.get("DownloadBase", ""),
        "SecureUpdate": "true" if settings["SecureUpdate"] else "",
    }
    return page.render(
        "products/settings.html",
        status=STATUS if problem else 200,
        product=await product_of(page),
        keys=keys["Data"]["ProductSigningKey"] if keys else (),
        values=values or present,
        problem=problem,
    )


@pages.get("/products/{product}/delete", needs=["DeleteProduct"])
async def show_delete(page: Page) -> web.StreamResponse:
    """What goes with a product."""
    return await _delete(page)


@pages.post("/products/{product}/delete")
async def delete(page: Page) -> web.StreamResponse:
    """Deletes a product."""
    try:
        await page.call("DeleteProduct", ProductKey=page.name("product"))
    except CallError as error:
        return await _delete(page, problem=Problem.of(error))
    return page.redirect("/products", _("The product has been deleted."))


async def _delete(page: Page, *, problem: Problem | None = None) -> web.Response:
    key = page.name("product")
    packages = await page.call_if_allowed("ListOTAFirmware", ProductKey=key, CurrentPage=1, PageSize=1)
    modules = await page.call_if_allowed("ListOTAModuleByProduct", ProductKey=key)
    return page.render(
        "products/delete.html",
        status=STATUS if problem else 200,
        product=await product_of(page),
        packages=packages["Total"] if packages else None,
        modules=len(modules["Data"]) if modules else None,
        problem=problem,
    )


async def product_of(page: Page) -> Mapping[str, Any]:
    """The product that the page's path names."""
    product: Mapping[str, Any] = (await page.call("QueryProduct", ProductKey=page.name("product")))["Data"]
    return product
