"""The files that pages load: the console's own in `static/`, those of libraries in `static/vendor/` (`make setup`)."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from aiohttp import web

PATH: Final = "/static/{name:[a-z0-9./-]+}"
_FOLDER: Final = Path(__file__).with_name("static")
_FOREVER: Final = "public, max-age=31536000, immutable"
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@cache
def url(name: str) -> str:
    """The path of a file, with a part that changes with its content: browsers keep it for ever.

    Raises:
        FileNotFoundError: there is none of this name; those of libraries come by `make setup`.
    """
    digest = hashlib.sha256((_FOLDER / name).read_bytes()).hexdigest()[:12]
    return f"/console/static/{name}?v={digest}"


async def serve(request: web.Request) -> web.StreamResponse:
    """Sends a file, compressed when there is a `.gz` beside it."""
    path = (_FOLDER / request.match_info["name"]).resolve()
    if not path.is_relative_to(_FOLDER) or path.suffix not in _TYPES or not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path, headers={"Cache-Control": _FOREVER, "Content-Type": _TYPES[path.suffix]})
