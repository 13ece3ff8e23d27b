"""Traces by OpenTelemetry, an extra: imported only when a setting names a collector."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from skyferry import __version__
from skyferry.tracing import Kind, Span

_KINDS: Final = {
    Kind.SERVER: trace.SpanKind.SERVER,
    Kind.CLIENT: trace.SpanKind.CLIENT,
    Kind.CONSUMER: trace.SpanKind.CONSUMER,
}
_PROPAGATOR: Final = TraceContextTextMapPropagator()
_EXPORT_SECONDS: Final = 5


class OpenTelemetryTracer:
    """Makes spans, and hands them to a processor."""

    def __init__(self, processor: SpanProcessor, *, share: float, process: str, roles: str) -> None:
        """Args: processor: takes spans; share: of the traces that are recorded, 0 to 1; process, roles: who tells."""
        sampled = TraceIdRatioBased(share)
        # Whoever calls the API cannot make the server record more than it was told to.
        sampler = ParentBased(root=sampled, remote_parent_sampled=sampled, remote_parent_not_sampled=sampled)
        resource = Resource.create(
            {
                "service.name": "skyferry",
                "service.version": __version__,
                "service.instance.id": process,
                "skyferry.roles": roles,
            }
        )
        self._provider = TracerProvider(sampler=sampler, resource=resource)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("skyferry", __version__)

    @contextmanager
    def span(self, name: str, kind: Kind, *, parent: Mapping[str, str] | None, within: bool) -> Iterator[Span]:
        """See `skyferry.tracing.span`."""
        if within and not trace.get_current_span().get_span_context().is_valid:
            yield _Recorded(trace.INVALID_SPAN)
            return
        context = None if parent is None else _PROPAGATOR.extract(parent)
        with self._tracer.start_as_current_span(name, context, kind=_KINDS[kind]) as made:
            yield _Recorded(made)

    def carried(self) -> Mapping[str, str]:
        """See `skyferry.tracing.carried`."""
        headers: dict[str, str] = {}
        _PROPAGATOR.inject(headers)
        return headers

    def stop(self) -> None:
        """Tells what was not told yet."""
        self._provider.shutdown()


class _Recorded:
    def __init__(self, made: trace.Span) -> None:
        self._span = made

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, **attributes: str | int) -> None:
        for name, value in attributes.items():
            self._span.set_attribute(f"skyferry.{name}", value)

    def fail(self, reason: str) -> None:
        self._span.set_status(trace.StatusCode.ERROR, reason)


def to_collector(endpoint: str, *, share: float, process: str, roles: str) -> OpenTelemetryTracer:
    """Tells a collector by OTLP over HTTP, in the background; what it does not take in time is dropped."""
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_SECONDS)
    processor = BatchSpanProcessor(exporter, export_timeout_millis=_EXPORT_SECONDS * 1_000)
    return OpenTelemetryTracer(processor, share=share, process=process, roles=roles)
