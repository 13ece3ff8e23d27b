"""Operations on messages to the business server. They are our own: the platform has them in its console only."""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.events import subscriptions
from skyferry.events.models import Kind
from skyferry.events.subscriptions import SubscriptionState
from skyferry.operations import formats
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, Empty, ResponseModel, Shortened, operation
from skyferry.store.outbox import DeadMessage

_DEFAULT_PAGE: Final = 10
_LARGEST_PAGE: Final = 100


class CreateEventSubscriptionRequest(InstanceRequest):
    """Parameters of CreateEventSubscription."""

    kind: str = Kind.WEBHOOK
    """`webhook` or `nats`."""
    target: Annotated[str, Shortened(subscriptions.place_of)] = ""
    """The URL of the webhook; with `nats`, the beginning of the subjects (`skyferry.events` when absent)."""
    type: list[str] = Field(default_factory=list)
    """Which messages: `task.ended`, `task.status`, `module.version`, `device.status`, `job.status`."""


class ChangedSubscription(ResponseModel):
    """`Data` of the operations that make a subscription or change one; `Secret` is shown this once."""

    subscription_id: str
    secret: str | None
    """With which a webhook's messages are signed: `whsec_` and Base64. Shown this once."""


class CreateEventSubscriptionResponse(ResponseModel):
    """Answer of CreateEventSubscription."""

    data: ChangedSubscription


@operation("CreateEventSubscription", qps=10, access=Access.WRITE, vendor=False)
async def create_event_subscription(
    call: Call, request: CreateEventSubscriptionRequest
) -> CreateEventSubscriptionResponse:
    """Sends messages of these types to a webhook or to NATS from now on."""
    services = call.services
    if request.kind == Kind.NATS and not services.nats:
        raise ApiError(codes.EVENT_NATS_NOT_CONFIGURED)
    made = await services.store.write(
        subscriptions.create,
        services.box,
        instance_id=call.instance.id,
        kind=request.kind,
        target=request.target,
        types=request.type,
        now=services.clock.now_ms(),
    )
    return CreateEventSubscriptionResponse(
        data=ChangedSubscription(subscription_id=made.subscription_id, secret=made.secret)
    )


class ListEventSubscriptionsRequest(InstanceRequest):
    """Parameters of ListEventSubscriptions."""


class Types(ResponseModel):
    """Wraps the types of messages."""

    type: list[str]


class EventSubscription(ResponseModel):
    """One subscription."""

    subscription_id: str
    kind: str
    """`webhook` or `nats`."""
    target: str
    """The URL of the webhook, or the beginning of the subjects."""
    types: Types
    """Which messages it gets."""
    active: bool
    """False while it gets no new messages and waiting ones stay."""
    waiting: int
    """Messages that have not arrived yet; 10000 stands for that many or more."""
    utc_waiting_since: str | None
    """When the oldest of them was made."""
    last_error: str | None
    """Why one of them failed that is tried again, such as `HTTP 503`."""
    dead: int
    """Messages that were tried as often as they may be; counted like `Waiting`."""
    utc_create: str


class EventSubscriptions(ResponseModel):
    """Wraps the list."""

    event_subscription: list[EventSubscription]


class ListEventSubscriptionsResponse(ResponseModel):
    """Answer of ListEventSubscriptions."""

    data: EventSubscriptions


def _subscription(state: SubscriptionState) -> EventSubscription:
    record = state.record
    return EventSubscription(
        subscription_id=record.subscription_id,
        kind=record.kind,
        target=record.target,
        types=Types(type=record.types),
        active=record.active,
        waiting=state.backlog.waiting,
        utc_waiting_since=formats.utc_or_none(state.backlog.since),
        last_error=state.backlog.last_error,
        dead=state.dead,
        utc_create=formats.utc(record.created_at),
    )


@operation("ListEventSubscriptions", qps=10, access=Access.READ, vendor=False)
async def list_event_subscriptions(
    call: Call,
    request: ListEventSubscriptionsRequest,  # noqa: ARG001 - it has no parameters but the instance
) -> ListEventSubscriptionsResponse:
    """Lists the subscriptions of the instance, and how many of their messages wait."""
    found = await call.services.store.read(subscriptions.states, call.instance.id)
    return ListEventSubscriptionsResponse(
        data=EventSubscriptions(event_subscription=[_subscription(state) for state in found])
    )


class UpdateEventSubscriptionRequest(InstanceRequest):
    """Parameters of UpdateEventSubscription: what is absent stays."""

    subscription_id: str
    target: Annotated[str | None, Shortened(subscriptions.place_of)] = None
    """The new URL, or the new beginning of the subjects."""
    type: list[str] | None = None
    """The new types of messages."""
    active: bool | None = None
    """Whether it gets new messages."""
    new_secret: bool = False
    """Make a new secret for the signatures, and answer it."""


class UpdateEventSubscriptionResponse(ResponseModel):
    """Answer of UpdateEventSubscription."""

    data: ChangedSubscription


@operation("UpdateEventSubscription", qps=10, access=Access.WRITE, vendor=False)
async def update_event_subscription(
    call: Call, request: UpdateEventSubscriptionRequest
) -> UpdateEventSubscriptionResponse:
    """Changes where messages go and which ones, stops and resumes them, makes a new secret."""
    secret = await call.services.store.write(
        subscriptions.update,
        call.services.box,
        instance_id=call.instance.id,
        subscription_id=request.subscription_id,
        target=request.target,
        types=request.type,
        active=request.active,
        new_secret=request.new_secret,
    )
    return UpdateEventSubscriptionResponse(
        data=ChangedSubscription(subscription_id=request.subscription_id, secret=secret)
    )


class DeleteEventSubscriptionRequest(InstanceRequest):
    """Parameters of DeleteEventSubscription."""

    subscription_id: str


@operation("DeleteEventSubscription", qps=10, access=Access.WRITE, vendor=False)
async def delete_event_subscription(call: Call, request: DeleteEventSubscriptionRequest) -> Empty:
    """Ends a subscription; what has not been delivered is lost."""
    await call.services.store.write(
        subscriptions.delete,
        instance_id=call.instance.id,
        subscription_id=request.subscription_id,
        now=call.services.clock.now_ms(),
    )
    return Empty()


class ListDeadEventsRequest(InstanceRequest):
    """Parameters of ListDeadEvents."""

    subscription_id: str
    current_page: int = 1
    page_size: int = _DEFAULT_PAGE
    """1 to 100."""


class DeadEvent(ResponseModel):
    """One message that could not be delivered."""

    message_id: str
    """Its `messageId`."""
    type: str
    """Its type, such as `task.ended`."""
    topic: str
    """Its topic."""
    payload: str
    """What it says, as JSON text."""
    attempts: int
    """How often it was tried."""
    last_error: str
    """Why the last attempt failed, such as `HTTP 503`."""
    utc_create: str
    utc_dead: str
    """When it was given up."""


class DeadEvents(ResponseModel):
    """Wraps the list."""

    dead_event: list[DeadEvent]


class ListDeadEventsResponse(ResponseModel):
    """Answer of ListDeadEvents."""

    current_page: int
    page_size: int
    page_count: int
    total: int
    """Dead messages of the subscription; 10000 stands for that many or more."""
    data: DeadEvents


def _dead_events(page: Sequence[DeadMessage]) -> DeadEvents:
    return DeadEvents(
        dead_event=[
            DeadEvent(
                message_id=item.message_id,
                type=item.type,
                topic=item.topic,
                payload=item.body,
                attempts=item.attempts,
                last_error=item.last_error,
                utc_create=formats.utc(item.created_at),
                utc_dead=formats.utc(item.dead_at),
            )
            for item in page
        ]
    )


@operation("ListDeadEvents", qps=10, access=Access.READ, vendor=False)
async def list_dead_events(call: Call, request: ListDeadEventsRequest) -> ListDeadEventsResponse:
    """Pages the messages of a subscription that could not be delivered, longest dead first."""
    offset = formats.offset(request.current_page, request.page_size, most=_LARGEST_PAGE)
    if offset + request.page_size > subscriptions.COUNTED_UP_TO:
        raise ApiError(
            codes.INVALID_PAGE_PARAMS, f"CurrentPage times PageSize is at most {subscriptions.COUNTED_UP_TO}."
        )
    total, page = await call.services.store.read(
        subscriptions.dead,
        instance_id=call.instance.id,
        subscription_id=request.subscription_id,
        offset=offset,
        limit=request.page_size,
    )
    return ListDeadEventsResponse(
        current_page=request.current_page,
        page_size=request.page_size,
        page_count=formats.page_count(total, request.page_size),
        total=total,
        data=_dead_events(page),
    )


class SendTestEventRequest(InstanceRequest):
    """Parameters of SendTestEvent."""

    subscription_id: str


class SentTestEvent(ResponseModel):
    """`Data` of SendTestEvent."""

    message_id: str


class SendTestEventResponse(ResponseModel):
    """Answer of SendTestEvent."""

    data: SentTestEvent


@operation("SendTestEvent", qps=2, access=Access.WRITE, vendor=False)
async def send_test_event(call: Call, request: SendTestEventRequest) -> SendTestEventResponse:
    """Sends a message of the type `test` to a subscription; an inactive one gets it when it is active again."""
    message_id = await call.services.store.write(
        subscriptions.send_test,
        instance_id=call.instance.id,
        subscription_id=request.subscription_id,
        now=call.services.clock.now_ms(),
    )
    return SendTestEventResponse(data=SentTestEvent(message_id=message_id))


class RedeliverEventsRequest(InstanceRequest):
    """Parameters of RedeliverEvents: without `MessageId.N` all dead messages are meant."""

    subscription_id: str
    message_id: list[str] | None = None
    """Only these messages; all dead ones when absent."""


class Redelivered(ResponseModel):
    """`Data` of RedeliverEvents."""

    count: int
    """How many messages go again."""


class RedeliverEventsResponse(ResponseModel):
    """Answer of RedeliverEvents."""

    data: Redelivered


@operation("RedeliverEvents", qps=10, access=Access.WRITE, vendor=False)
async def redeliver_events(call: Call, request: RedeliverEventsRequest) -> RedeliverEventsResponse:
    """Lets up to 1,000 dead messages go again, longest dead first, and tells how many."""
    count = await call.services.store.write(
        subscriptions.redeliver,
        instance_id=call.instance.id,
        subscription_id=request.subscription_id,
        message_ids=request.message_id,
        now=call.services.clock.now_ms(),
    )
    return RedeliverEventsResponse(data=Redelivered(count=count))
