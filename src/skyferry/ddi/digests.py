"""The SHA-1 of files, which hawkBit's clients check. Files of older servers have none: it is computed when needed."""

import asyncio
import hashlib
from collections.abc import Sequence

from skyferry.objects.interface import ObjectStore
from skyferry.store import polling as statements
from skyferry.store.engine import Store
from skyferry.store.polling import Artifact


class Sha1Digests:
    """Completes what is missing, one file at a time, however many devices ask for it."""

    def __init__(self, store: Store, objects: ObjectStore) -> None:
        self._store = store
        self._objects = objects
        self._one_at_a_time = asyncio.Lock()

    async def of_package(self, package_id: int) -> Sequence[tuple[Artifact, str]]:
        """The files of a package, each with its SHA-1.

        Raises:
            OSError: a file cannot be read.
        """
        artifacts = await self._store.read(statements.artifacts_of, package_id)
        if any(artifact.sha1 is None for artifact in artifacts):
            async with self._one_at_a_time:
                # Whoever waited finds what the first one has stored.
                artifacts = await self._store.read(statements.artifacts_of, package_id)
                return [(artifact, artifact.sha1 or await self._compute(artifact)) for artifact in artifacts]
        return [(artifact, artifact.sha1) for artifact in artifacts if artifact.sha1 is not None]

    async def _compute(self, artifact: Artifact) -> str:
        digest = hashlib.sha1(usedforsecurity=False)
        reader = await self._objects.open(artifact.blob)
        try:
            async for block in reader.blocks(0, reader.size):
                await asyncio.to_thread(digest.update, block)
        finally:
            await reader.close()
        sha1 = digest.hexdigest()
        await self._store.write(statements.note_sha1, artifact.key, artifact.sha256, sha1)
        return sha1
