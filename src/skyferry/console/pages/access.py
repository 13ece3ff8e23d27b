"""Access: users with their keys, passwords and policies, and the policies themselves."""

from typing import Any, Final

from aiohttp import web

from skyferry.console.languages import translate as _
from skyferry.console.page import Page
from skyferry.console.problems import STATUS, Problem
from skyferry.console.routing import Pages
from skyferry.rpc.direct import CallError

pages = Pages()
_USERS: Final = 100
_POLICIES: Final = 1_000
_OWNER_ACTIONS: Final = {"activate": "Active", "deactivate": "Inactive"}
_EXAMPLE: Final = """{
  "Version": "1",
  "Statement": [
    {"Effect": "Allow", "Action": ["iot:Query*", "iot:List*"], "Resource": "*"}
  ]
}"""


@pages.get("/access")
async def show(page: Page) -> web.StreamResponse:
    """The users, the account's own keys, the policies."""
    return await _overview(page)


@pages.post("/access/users")
async def add_user(page: Page) -> web.StreamResponse:
    """Makes a user."""
    name = page.form.get("user", "").strip()
    try:
        await page.call("CreateUser", UserName=name)
    except CallError as error:
        return await _overview(page, Problem.of(error))
    return page.redirect(f"/access/users/{name}", _("The user has been made. Now say what they may do."))


@pages.get("/access/users/{user}")
async def show_user(page: Page) -> web.StreamResponse:
    """A user: what they may do, and how they sign in."""
    return await _user(page)


@pages.post("/access/users/{user}/policies")
async def change_policies(page: Page) -> web.StreamResponse:
    """Attaches a policy to a user, or detaches it."""
    policy_type, _slash, policy = page.form.get("policy", "").partition("/")
    action = "DetachPolicyFromUser" if page.form.get("do") == "detach" else "AttachPolicyToUser"
    try:
        await page.call(action, UserName=page.name("user"), PolicyName=policy, PolicyType=policy_type)
    except CallError as error:
        return await _user(page, Problem.of(error))
    return page.redirect(f"/access/users/{page.name('user')}", _("What the user may do has been changed."))


@pages.post("/access/users/{user}/password")
async def change_password(page: Page) -> web.StreamResponse:
    """Gives a user a password, or takes it away."""
    user, form = page.name("user"), page.form
    try:
        if form.get("do") == "remove":
            await page.call("DeleteLoginProfile", UserName=user)
        else:
            await page.call("CreateLoginProfile", UserName=user, Password=form.get("password", ""))
    except CallError as error:
        return await _user(page, Problem.of(error))
    return page.redirect(f"/access/users/{user}", _("How the user signs in has been changed."))


@pages.post("/access/keys")
async def change_keys(page: Page) -> web.StreamResponse:
    """Makes an access key of a user or of the account itself, turns it off or on, or removes it."""
    form = page.form
    user = form.get("user") or None
    made = None
    try:
        if form.get("do") == "create":
            made = (await page.call("CreateAccessKey", UserName=user))["AccessKey"]
        elif form.get("do") == "delete":
            await page.call("DeleteAccessKey", UserName=user, UserAccessKeyId=form.get("key"))
        else:
            status = _OWNER_ACTIONS.get(form.get("do", ""), "")
            await page.call("UpdateAccessKey", UserName=user, UserAccessKeyId=form.get("key"), Status=status)
    except CallError as error:
        return await _overview(page, Problem.of(error))
    if made is not None:
        return page.render("access/key.html", key=made, user=user)
    return page.redirect(f"/access/users/{user}" if user else "/access", _("The access key has been changed."))


@pages.get("/access/keys/delete", needs=["DeleteAccessKey"])
async def show_delete_key(page: Page) -> web.StreamResponse:
    """Asks whether an access key is to be removed."""
    return page.render("access/delete_key.html", key=page.query.get("key", ""), user=page.query.get("user", ""))


@pages.get("/access/users/{user}/delete", needs=["DeleteUser"])
async def show_delete_user(page: Page) -> web.StreamResponse:
    """Asks whether a user is to be removed."""
    return page.render("access/delete_user.html", user=page.name("user"), problem=None)


@pages.post("/access/users/{user}/delete")
async def delete_user(page: Page) -> web.StreamResponse:
    """Removes a user."""
    try:
        await page.call("DeleteUser", UserName=page.name("user"))
    except CallError as error:
        return page.render("access/delete_user.html", status=STATUS, user=page.name("user"), problem=Problem.of(error))
    return page.redirect("/access", _("The user has been removed."))


@pages.get("/access/policies/new", needs=["CreatePolicy"])
async def show_new_policy(page: Page) -> web.StreamResponse:
    """The form for a new policy."""
    return page.render("access/new_policy.html", values={"document": _EXAMPLE}, problem=None)


@pages.post("/access/policies/new")
async def add_policy(page: Page) -> web.StreamResponse:
    """Makes a policy."""
    form = page.form
    try:
        await page.call("CreatePolicy", PolicyName=form.get("name", "").strip(), PolicyDocument=form.get("document"))
    except CallError as error:
        return page.render("access/new_policy.html", status=STATUS, values=form, problem=Problem.of(error))
    return page.redirect("/access", _("The policy has been made. Attach it to users."))


@pages.get("/access/policies/{type}/{policy}")
async def show_policy(page: Page) -> web.StreamResponse:
    """What a policy says."""
    return await _policy(page)


@pages.post("/access/policies/{type}/{policy}/delete")
async def delete_policy(page: Page) -> web.StreamResponse:
    """Removes a policy that nobody has."""
    try:
        await page.call("DeletePolicy", PolicyName=page.name("policy"))
    except CallError as error:
        return await _policy(page, Problem.of(error))
    return page.redirect("/access", _("The policy has been removed."))


async def _overview(page: Page, problem: Problem | None = None) -> web.Response:
    users = await page.call("ListUsers", MaxItems=_USERS, Marker=page.query.get("after"))
    keys = await page.call_if_allowed("ListAccessKeys")
    policies = await page.call_if_allowed("ListPolicies", MaxItems=_POLICIES)
    return page.render(
        "access/list.html",
        status=STATUS if problem else 200,
        users=users["Users"]["User"],
        token=users.get("Marker"),
        keys=keys["AccessKeys"]["AccessKey"] if keys else None,
        policies=policies["Policies"]["Policy"] if policies else (),
        problem=problem,
        values=page.form,
    )


async def _user(page: Page, problem: Problem | None = None) -> web.Response:
    user = page.name("user")
    attached = (await page.call("ListPoliciesForUser", UserName=user))["Policies"]["Policy"]
    keys = await page.call_if_allowed("ListAccessKeys", UserName=user)
    policies = await page.call_if_allowed("ListPolicies", MaxItems=_POLICIES)
    had = {policy["PolicyName"] for policy in attached}
    return page.render(
        "access/user.html",
        status=STATUS if problem else 200,
        user=user,
        account=page.signed_in().session.account,
        attached=attached,
        offered=[
            item for item in (policies["Policies"]["Policy"] if policies else ()) if item["PolicyName"] not in had
        ],
        keys=keys["AccessKeys"]["AccessKey"] if keys else None,
        profile=await _profile(page, user),
        problem=problem,
    )


async def _profile(page: Page, user: str) -> Any:
    """Since when the user may sign in to the console; None when they may not."""
    try:
        answer = await page.call_if_allowed("GetLoginProfile", UserName=user)
    except CallError as error:
        if error.error.kind.code == "EntityNotExist.User.LoginProfile":
            return None
        raise
    return answer["LoginProfile"] if answer else None


async def _policy(page: Page, problem: Problem | None = None) -> web.Response:
    answer = await page.call("GetPolicy", PolicyName=page.name("policy"), PolicyType=page.name("type"))
    return page.render(
        "access/policy.html",
        status=STATUS if problem else 200,
        policy=answer["Policy"],
        document=answer["DefaultPolicyVersion"]["PolicyDocument"],
        problem=problem,
    )
