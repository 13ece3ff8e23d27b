"""Gives a device a file of its package."""

from dataclasses import dataclass

from aiohttp import web

from skyferry.ddi import errors
from skyferry.objects import rendering
from skyferry.objects.downloads import Downloads
from skyferry.objects.errors import ObjectError


@dataclass(frozen=True, slots=True)
class FileSender:
    """Sends files, whole or in part, within the limits of all downloads."""

    downloads: Downloads

    async def send(self, request: web.Request, key: str, task_id: int) -> web.StreamResponse:
        """Answers a request with an object.

        Raises:
            DdiError: there is no such object.
        """
        request_id = rendering.new_request_id()
        try:
            return await self.downloads.send(request, key, task_id=task_id, request_id=request_id, follows=True)
        except ObjectError as error:
            if error.code == "NoSuchKey":
                raise errors.not_found("The file is gone.") from None
            return rendering.error_response(error, request, request_id)
