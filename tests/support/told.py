"""What a business server knows that has taken every message in its order."""

import json
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from skyferry.store.tables import outbox


@dataclass
class Told:
    """The last word on each task, job, device, and module of a device."""

    tasks: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    presence: dict[str, str] = field(default_factory=dict)
    versions: dict[tuple[str, str], str] = field(default_factory=dict)
    seen: int = 0

    def listen(self, tx: Connection) -> None:
        """Takes what is new."""
        new = select(outbox.c.id, outbox.c.type, outbox.c.body).where(outbox.c.id > self.seen).order_by(outbox.c.id)
        for key, kind, body in tx.execute(new):
            self.seen = key
            self._take(kind, json.loads(body))

    def forget(self, device: str) -> None:
        """The device was deleted, which no message tells."""
        self.presence.pop(device, None)
        self.versions = {place: version for place, version in self.versions.items() if place[0] != device}

    def _take(self, kind: str, payload: dict[str, str]) -> None:
        match kind:
            case "task.status":
                assert self.tasks.get(payload["taskId"]) != payload["status"], "told twice"
                self.tasks[payload["taskId"]] = payload["status"]
            case "job.status":
                assert self.jobs.get(payload["jobId"]) != payload["status"], "told twice"
                self.jobs[payload["jobId"]] = payload["status"]
            case "device.status":
                self.presence[payload["deviceName"]] = payload["status"]
            case "module.version":
                place = (payload["deviceName"], payload["moduleName"])
                assert self.versions.get(place) != payload["moduleVersion"], "told twice"
                self.versions[place] = payload["moduleVersion"]
