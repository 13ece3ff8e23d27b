"""The HTTP face of TUF repositories: `/tuf/{ProductKey}/metadata/…` and `/tuf/{ProductKey}/targets/…`.

Files are named as consistent snapshots ask (specification §3.6, §7): `2.root.json`, `timestamp.json`, and targets with
their digest before the file's name. Targets are redirected to where packages are downloaded.
"""

import re
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web

from skyferry.clock import Clock
from skyferry.objects.urls import DownloadUrls
from skyferry.store import tuf as statements
from skyferry.store.engine import Store
from skyferry.trust.tuf.grants import TargetGrants

PATH: Final = "/tuf"

_METADATA: Final = re.compile(r"([1-9][0-9]{0,8})\.(root|targets|snapshot)\.json|(timestamp)\.json", re.ASCII)
_TARGET: Final = re.compile(r"(?:[^/]+/)*([0-9a-f]{64})\.[^/]+", re.ASCII)
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"


def routes(store: Store, clock: Clock, *, urls: DownloadUrls, grants: TargetGrants) -> list[web.RouteDef]:
    """The routes of repositories.

    Args:
        store: the database.
        clock: decides what has expired.
        urls: signs the URLs that targets are redirected to.
        grants: checks the base URLs of targets.
    """
    endpoint = _Endpoint(store, clock, urls, grants)
    return [
        web.get(PATH + "/{product_key:[A-Za-z0-9]+}/metadata/{name}", endpoint.metadata),
        web.get(PATH + "/{product_key:[A-Za-z0-9]+}/targets/{grant}/{path:.+}", endpoint.target),
    ]


@dataclass(frozen=True, slots=True)
class _Endpoint:
    store: Store
    clock: Clock
    urls: DownloadUrls
    grants: TargetGrants

    async def metadata(self, request: web.Request) -> web.Response:
        match = _METADATA.fullmatch(request.match_info["name"])
        if match is None:
            raise web.HTTPNotFound(text="There is no metadata of this name.")
        version, role, newest = match.groups()
        body = await self.store.read(
            statements.published, request.match_info["product_key"], newest or role, int(version) if version else None
        )
        if body is None:
            raise web.HTTPNotFound(text="There is no metadata of this name.")
        headers = {hdrs.CACHE_CONTROL: _ASK_AGAIN if newest else _FOR_EVER}
        return web.Response(body=body, content_type="application/json", headers=headers)

    async def target(self, request: web.Request) -> web.Response:
        product_key, now = request.match_info["product_key"], self.clock.now_ms()
        if not self.grants.verify(product_key, request.match_info["grant"], now):
            raise web.HTTPForbidden(text="This URL is wrong or has expired: QueryTufRepository answers a new one.")
        match = _TARGET.fullmatch(request.match_info["path"])
        found = None if match is None else await self.store.read(statements.object_of, product_key, match[1])
        if found is None:
            raise web.HTTPNotFound(text="The product has no such package file.")
        key, base_url = found
        raise web.HTTPFound(self.urls.sign(key, now, base_url=base_url), headers={hdrs.CACHE_CONTROL: _ASK_AGAIN})
