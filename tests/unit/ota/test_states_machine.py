"""The engine against the model of tests/support/model: any order of calls and reports, many in one batch.

`SKYFERRY_MACHINE_EXAMPLES` says how many sequences are tried; CI tries a few, a person thousands.
"""

import os
from typing import Final

from hypothesis import HealthCheck, settings

from tests.support.machine.engine import Engine

EXAMPLES: Final = int(os.environ.get("SKYFERRY_MACHINE_EXAMPLES", "60"))

TestEngine = Engine.TestCase
TestEngine.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=50,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
