"""A model of packages, jobs, tasks and devices, for the stateful tests of the engine and of the whole server.

It is written from the control-plane reference §5.6-5.8, §6, §7 and §12 and the device-plane reference §2.11 and §3, and
shares nothing with the server: states are the words of the API, refusals its codes, times milliseconds.
"""

from tests.support.model.clock import Clock
from tests.support.model.control import Control, Flags
from tests.support.model.records import Device, Job, Options, Package, Policy, Target, Task
from tests.support.model.words import RefusedError

__all__ = ["Device", "Flags", "Job", "Model", "Options", "Package", "Policy", "RefusedError", "Target", "Task"]


class Model(Clock, Control):
    """Everything there is, and all that can happen to it."""
