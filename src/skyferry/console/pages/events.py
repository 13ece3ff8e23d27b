"""Messages to the business server: who gets which, whether they get through, and those that did not."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from skyferry.console.languages import translate as _
from skyferry.console.languages import translate_number
from skyferry.console.page import PAGE_SIZE, Page
from skyferry.console.parameters import EMPTY
from skyferry.console.problems import STATUS, Problem
from skyferry.console.routing import Pages
from skyferry.events.models import EventType, Kind
from skyferry.events.subscriptions import COUNTED_UP_TO
from skyferry.rpc.direct import CallError

pages = Pages()
_TYPES: Final = tuple(EventType)


@pages.get("/events")
async def show_list(page: Page) -> web.StreamResponse:
    """The subscriptions."""
    answer = await page.call("ListEventSubscriptions")
    return page.render(
        "events/list.html", subscriptions=answer["Data"]["EventSubscription"], counted_up_to=COUNTED_UP_TO
    )


@pages.get("/events/new", needs=["CreateEventSubscription"])
async def show_new(page: Page) -> web.StreamResponse:
    """The form for a new subscription."""
    return _new(page, {"Kind": Kind.WEBHOOK}, (EventType.TASK_ENDED,))


@pages.post("/events/new")
async def add(page: Page) -> web.StreamResponse:
    """Makes a subscription; the secret of a webhook is shown, this once."""
    form, types = page.form, page.form.getall("Type", [])
    try:
        made = await page.call(
            "CreateEventSubscription", Kind=form.get("Kind"), Target=form.get("Target", "").strip(), Type=types
        )
    except CallError as error:
        return _new(page, form, types, Problem.of(error))
    data = made["Data"]
    if "Secret" not in data:
        return page.redirect(f"/events/{data['SubscriptionId']}", _("The subscription has been made."))
    return page.render("events/secret.html", subscription=data["SubscriptionId"], secret=data["Secret"])


def _new(
    page: Page, values: Mapping[str, str], chosen: Sequence[str], problem: Problem | None = None
) -> web.StreamResponse:
    status = STATUS if problem else 200
    return page.render(
        "events/new.html", status=status, values=values, types=_TYPES, chosen=set(chosen), problem=problem
    )


@pages.get("/events/{subscription}")
async def show(page: Page) -> web.StreamResponse:
    """A subscription: where it goes, whether that works, and its dead messages."""
    return await _show(page)


@pages.post("/events/{subscription}")
async def change(page: Page) -> web.StreamResponse:
    """Sends other messages, or sends them elsewhere."""
    target = page.form.get("Target", "").strip() or EMPTY
    types = page.form.getall("Type", [])
    if not types:
        return await _show(page, Problem(_("Choose at least one type of messages.")))
    return await _update(page, _("The subscription has been changed."), Target=target, Type=types)


@pages.post("/events/{subscription}/active")
async def switch(page: Page) -> web.StreamResponse:
    """Stops a subscription, or resumes it."""
    if page.form.get("do") == "resume":
        return await _update(page, _("The subscription gets messages again."), Active=True)
    return await _update(page, _("The subscription gets no new messages."), Active=False)


@pages.post("/events/{subscription}/test")
async def send_test(page: Page) -> web.StreamResponse:
    """Sends a message to see whether it arrives."""
    name = page.name("subscription")
    try:
        await page.call("SendTestEvent", SubscriptionId=name)
    except CallError as error:
        return await _show(page, Problem.of(error))
    notice = _("A test message is on its way. Load this page again: it has arrived when it does not wait any more.")
    return page.redirect(f"/events/{name}", notice)


async def _update(page: Page, notice: str, **changes: Any) -> web.StreamResponse:
    name = page.name("subscription")
    try:
        await page.call("UpdateEventSubscription", SubscriptionId=name, **changes)
    except CallError as error:
        return await _show(page, Problem.of(error))
    return page.redirect(f"/events/{name}", notice)


@pages.get("/events/{subscription}/secret", needs=["UpdateEventSubscription"])
async def show_new_secret(page: Page) -> web.StreamResponse:
    """What another secret means."""
    return page.render("events/new_secret.html", subscription=await _subscription(page))


@pages.post("/events/{subscription}/secret")
async def make_secret(page: Page) -> web.StreamResponse:
    """Makes another secret, and shows it this once."""
    name = page.name("subscription")
    made = await page.call("UpdateEventSubscription", SubscriptionId=name, NewSecret=True)
    return page.render("events/secret.html", subscription=name, secret=made["Data"].get("Secret"))


@pages.post("/events/{subscription}/dead")
async def redeliver(page: Page) -> web.StreamResponse:
    """Lets dead messages go again: one, those that were ticked, those of the page, or as many as one call takes."""
    form = page.form
    listed = {"one": "only", "ticked": "message", "page": "listed"}.get(form.get("do", "one"))
    chosen = None if form.get("do") == "all" else form.getall(listed or "", [])
    if chosen is not None and not chosen:
        return await _show(page, Problem(_("Tick the messages that are to be sent again.")))
    name = page.name("subscription")
    count = (await page.call("RedeliverEvents", SubscriptionId=name, MessageId=chosen))["Data"]["Count"]
    sentence = translate_number("%(num)s message goes again.", "%(num)s messages go again.", count)
    return page.redirect(f"/events/{name}", sentence % {"num": count})


@pages.get("/events/{subscription}/delete", needs=["DeleteEventSubscription"])
async def show_delete(page: Page) -> web.StreamResponse:
    """What is lost with a subscription."""
    return page.render("events/delete.html", subscription=await _subscription(page), counted_up_to=COUNTED_UP_TO)


@pages.post("/events/{subscription}/delete")
async def delete(page: Page) -> web.StreamResponse:
    """Ends a subscription."""
    await page.call("DeleteEventSubscription", SubscriptionId=page.name("subscription"))
    return page.redirect("/events", _("The subscription has been deleted."))


async def _show(page: Page, problem: Problem | None = None) -> web.StreamResponse:
    subscription = await _subscription(page)
    dead = await page.call_if_allowed(
        "ListDeadEvents",
        SubscriptionId=subscription["SubscriptionId"],
        CurrentPage=page.query.get("page", "1"),
        PageSize=PAGE_SIZE,
    )
    return page.render(
        "events/show.html",
        status=STATUS if problem else 200,
        subscription=subscription,
        values={"Target": page.form.get("Target", subscription["Target"])},
        types=_TYPES,
        chosen=set(page.form.getall("Type", subscription["Types"]["Type"])),
        counted_up_to=COUNTED_UP_TO,
        dead=dead,
        problem=problem,
    )


async def _subscription(page: Page) -> Mapping[str, Any]:
    """The subscription that the page's path names; an account has few, so that all are asked for.

    Raises:
        aiohttp.web.HTTPNotFound: there is none.
    """
    answer = await page.call("ListEventSubscriptions")
    for item in answer["Data"]["EventSubscription"]:
        if item["SubscriptionId"] == page.name("subscription"):
            found: Mapping[str, Any] = item
            return found
    raise web.HTTPNotFound
