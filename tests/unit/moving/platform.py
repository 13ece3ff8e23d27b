"""A platform that answers as a test says, and takes only calls that are signed right."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web

from skyferry.errors import ApiError
from skyferry.rpc.signature import SignedRequest
from skyferry.rpc.signature_v3 import SignatureV3

KEY_ID: Final = "LTAItest"
SECRET: Final = "secret of the key"

Answer = Mapping[str, Any] | Callable[[Mapping[str, str]], Any]


def refusal(code: str, status: int = 200, text: str = "No.") -> web.Response:
    """An answer that refuses: a business error, or with a status one of the gateway's."""
    if status == 200:
        return web.json_response({"RequestId": "1", "Success": False, "Code": code, "ErrorMessage": text})
    return web.json_response({"RequestId": "1", "Code": code, "Message": text}, status=status)


class Platform:
    """Answers operations, each with members of its own, and serves files."""

    def __init__(self) -> None:
        """Knows no operation and no file."""
        self.answers: dict[str, Answer] = {}
        self.files: dict[str, bytes] = {}
        self.refusals: dict[str, list[web.StreamResponse]] = {}
        """What the next calls of an operation, or downloads of a path, get instead of an answer."""
        self.calls: Counter[str] = Counter()
        self.tokens: set[str] = set()
        self.url = ""

    def application(self) -> web.Application:
        """What serves it."""
        app = web.Application()
        app.router.add_post("/", self._call)
        app.router.add_get("/{path:.+}", self._file)
        return app

    async def _call(self, request: web.Request) -> web.StreamResponse:
        parameters = dict(request.query)
        signed = SignedRequest("POST", parameters, parameters, request.headers, await request.read())
        scheme = SignatureV3()
        public = scheme.public_parameters(signed)
        self.tokens.add(public.security_token)
        try:
            scheme.verify(signed, public, SECRET)
        except ApiError as error:
            return refusal(error.kind.code, 400)
        self.calls[public.action] += 1
        if self.refusals.get(public.action):
            return self.refusals[public.action].pop(0)
        if public.action not in self.answers:
            return refusal("InvalidAction.NotFound", 404)
        answer = self.answers[public.action]
        found = answer(parameters) if callable(answer) else answer
        if isinstance(found, web.StreamResponse):
            return found
        # As the platform does: success says so, and has an empty code.
        return web.json_response({"RequestId": "1", "Success": True, "Code": "", **found})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        self.calls[path] += 1
        if self.refusals.get(path):
            return self.refusals[path].pop(0)
        return web.Response(body=self.files[path]) if path in self.files else web.Response(status=403)
