"""The modules of a product: the parts of its devices that have versions of their own."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from skyferry.console.languages import translate as _
from skyferry.console.page import Page
from skyferry.console.pages.products import product_of
from skyferry.console.parameters import EMPTY
from skyferry.console.problems import STATUS, Problem
from skyferry.console.routing import Pages
from skyferry.rpc.direct import CallError

pages = Pages()


@pages.get("/products/{product}/modules")
async def show_list(page: Page) -> web.StreamResponse:
    """The modules of the product, and a form for another one."""
    return await _list(page)


@pages.post("/products/{product}/modules")
async def add(page: Page) -> web.StreamResponse:
    """Makes a module."""
    key, form = page.name("product"), page.form
    names = ("ModuleName", "AliasName", "Desc")
    try:
        await page.call("CreateOTAModule", ProductKey=key, **{name: form.get(name, "").strip() for name in names})
    except CallError as error:
        return await _list(page, problem=Problem.of(error))
    return page.redirect(f"/products/{key}/modules", _("The module has been made."))


async def _list(page: Page, *, problem: Problem | None = None) -> web.Response:
    answer = await page.call("ListOTAModuleByProduct", ProductKey=page.name("product"))
    return page.render(
        "modules/list.html",
        status=STATUS if problem else 200,
        product=await product_of(page),
        modules=answer["Data"],
        values=page.form,
        problem=problem,
    )


@pages.get("/products/{product}/modules/{module}", needs=["UpdateOTAModule"])
async def show(page: Page) -> web.StreamResponse:
    """The form that changes a module."""
    module = await _module(page)
    values = {"AliasName": module.get("AliasName", ""), "Desc": module.get("Desc", "")}
    return await _form(page, values)


@pages.post("/products/{product}/modules/{module}")
async def change(page: Page) -> web.StreamResponse:
    """Changes alias and description of a module."""
    key, form = page.name("product"), page.form
    changed = {name: form.get(name, "").strip() or EMPTY for name in ("AliasName", "Desc")}
    try:
        await page.call("UpdateOTAModule", ProductKey=key, ModuleName=page.name("module"), **changed)
    except CallError as error:
        return await _form(page, form, problem=Problem.of(error))
    return page.redirect(f"/products/{key}/modules", _("The module has been changed."))


async def _form(page: Page, values: Mapping[str, str], *, problem: Problem | None = None) -> web.Response:
    status = STATUS if problem else 200
    product = await product_of(page)
    return page.render("modules/edit.html", status=status, product=product, values=values, problem=problem)


async def _module(page: Page) -> Mapping[str, Any]:
    answer = await page.call("ListOTAModuleByProduct", ProductKey=page.name("product"))
    found = (module for module in answer["Data"] if module["ModuleName"] == page.name("module"))
    return next(found, {})


@pages.get("/products/{product}/modules/{module}/delete", needs=["DeleteOTAModule"])
async def show_delete(page: Page) -> web.StreamResponse:
    """What deleting a module means."""
    return page.render("modules/delete.html", product=await product_of(page), problem=None)


@pages.post("/products/{product}/modules/{module}/delete")
async def delete(page: Page) -> web.StreamResponse:
    """Deletes a module."""
    key = page.name("product")
    try:
        await page.call("DeleteOTAModule", ProductKey=key, ModuleName=page.name("module"))
    except CallError as error:
        product, problem = await product_of(page), Problem.of(error)
        return page.render("modules/delete.html", status=STATUS, product=product, problem=problem)
    return page.redirect(f"/products/{key}/modules", _("The module has been deleted."))
