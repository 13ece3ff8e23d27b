"""Traces: what is in them when they are asked for, and that there is nothing of them when they are not."""

import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import Connection

from skyferry import tracing
from skyferry.bus.messages import Command, WithdrawPush
from skyferry.bus.names import Names
from skyferry.bus.nats import NatsBus, NatsSettings
from skyferry.clock import SystemClock
from skyferry.store.engine import Store
from skyferry.tracing import Kind
from skyferry.tracing.exporting import OpenTelemetryTracer
from tests.support.nats import NatsServer

COMMANDS: list[Command] = [WithdrawPush(7, 9)]


def tracer_to(exporter: InMemorySpanExporter, share: float = 1.0) -> OpenTelemetryTracer:
    return OpenTelemetryTracer(SimpleSpanProcessor(exporter), share=share, process="one", roles="api")


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    made = InMemorySpanExporter()
    tracing.start(tracer_to(made))
    yield made
    tracing.stop()


def ask(_: Connection) -> int:
    return 1


def spans(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def id_of(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


async def test_transactions_are_parts_of_what_causes_them_and_no_traces_of_their_own(
    exporter: InMemorySpanExporter, store: Store
) -> None:
    await store.read(ask)
    assert exporter.get_finished_spans() == ()
    with tracing.span("call", Kind.SERVER) as call:
        call.rename("QueryProduct")
        call.note(request_id="r1")
        await store.read(ask)
        await store.write(ask)

    found = spans(exporter)
    assert set(found) == {"read ask", "write ask", "QueryProduct"}
    assert {parent_of(found["read ask"]), parent_of(found["write ask"])} == {id_of(found["QueryProduct"])}
    assert dict(found["QueryProduct"].attributes or {}) == {"skyferry.request_id": "r1"}
    assert found["QueryProduct"].resource.attributes["skyferry.roles"] == "api"


async def test_a_command_to_another_process_goes_on_in_the_same_trace(
    exporter: InMemorySpanExporter, tmp_path: Path
) -> None:
    async def at_the_other(_: Collection[int]) -> Mapping[int, str]:
        return {7: "other"}

    async def carry_out(_: object) -> None:
        with tracing.span("tell devices", Kind.CLIENT, within=True):
            pass

    with NatsServer(tmp_path / "nats") as nats:
        one, other = (
            NatsBus(NatsSettings(url=nats.url, names=Names("traced"), process=name), at_the_other, SystemClock())
            for name in ("one", "other")
        )
        other.attach_gateway(carry_out)
        for bus in (one, other):
            await bus.start()
        with tracing.span("push", Kind.CONSUMER):
            await one.command([*COMMANDS])
        for bus in (one, other):
            await bus.stop()

    found = spans(exporter)
    assert parent_of(found["take commands"]) == id_of(found["push"])
    assert parent_of(found["tell devices"]) == id_of(found["take commands"])


def test_a_caller_names_what_causes_a_call_but_cannot_make_it_be_recorded() -> None:
    exporter = InMemorySpanExporter()
    caller = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
    for share in (1.0, 0.0):
        tracing.start(tracer_to(exporter, share))
        with tracing.span("call", Kind.SERVER, parent=caller):
            pass
        tracing.stop()
    [span] = exporter.get_finished_spans()
    assert parent_of(span) == int("cd" * 8, 16)


def test_a_failure_is_told_with_its_reason(exporter: InMemorySpanExporter) -> None:
    with tracing.span("call", Kind.SERVER) as span:
        span.fail("InternalError")
    assert spans(exporter)["call"].status.description == "InternalError"


def test_without_traces_a_span_is_nothing() -> None:
    first, second = tracing.span("one", Kind.SERVER), tracing.span("two", Kind.CLIENT, within=True)
    assert first is second
    with first as span:
        span.rename("x")
        span.note(number=1)
        span.fail("y")
    assert tracing.carried() == {}


def test_a_server_without_traces_imports_nothing_of_opentelemetry() -> None:
    asked = "import sys, skyferry.app; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", asked], check=False, timeout=120).returncode == 0
