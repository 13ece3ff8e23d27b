"""One client's connection: the order of packets, acknowledgements, limits and the end of it."""

import asyncio
from collections import deque
from enum import IntEnum
from typing import TYPE_CHECKING, Final, cast

import structlog

from skyferry.devices.mqtt.codec import Decoder, encode
from skyferry.devices.mqtt.errors import MalformedPacketError, UnacknowledgedError, UnsupportedProtocolError
from skyferry.devices.mqtt.interface import Peer, Session
from skyferry.devices.mqtt.packets import (
    LEVEL_3_1,
    SUBSCRIPTION_REFUSED,
    ConnAck,
    Connect,
    ConnectCode,
    Disconnect,
    Packet,
    PingReq,
    PingResp,
    PubAck,
    Publish,
    SubAck,
    Subscribe,
    UnsubAck,
    Unsubscribe,
)

if TYPE_CHECKING:
    from skyferry.devices.mqtt.server import MqttServer

log = structlog.get_logger(__name__)

_QOS_2: Final = 2
_PING_RESPONSE: Final = encode(PingResp())


class _Stage(IntEnum):
    """How far a connection is."""

    NEW = 0
    """Waits for CONNECT."""
    LOGGING_IN = 1
    """CONNECT is being checked. Reading is paused; what came right behind CONNECT is kept undecoded."""
    OPEN = 2
    CLOSED = 3
    """Nothing is read or written any more; the socket may still take its last bytes."""


class Connection(asyncio.Protocol):
    """The transport's protocol for one client; a channel for its session.

    There is one for every device that is online, hence the slots, and queues that exist only while they hold something.
    """

    __slots__ = (
        "_decoder",
        "_out",
        "_paused",
        "_server",
        "_session",
        "_stage",
        "_stored",
        "_transport",
        "heard",
        "patience",
    )

    def __init__(self, server: "MqttServer") -> None:
        limits = server.limits
        self._server = server
        self._transport = cast("asyncio.Transport", None)
        self._decoder = Decoder(limits.payload_bytes + limits.overhead_bytes)
        self._session = cast("Session", None)
        self._stage = _Stage.NEW
        self._stored: deque[tuple[int, asyncio.Future[None] | None]] | None = None
        self._out: list[bytes] | None = None
        self._paused = False
        self.heard = server.now
        """The server's `now` when the client was last heard."""
        self.patience = limits.connect_timeout_s + limits.sweep_s
        """Seconds of silence after which `expire` is called."""

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=self._server.limits.unread_bytes)
        self._server.made(self)

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""
        self.heard = self._server.now
        self._receive(data)

    def pause_writing(self) -> None:
        """More waits for this client than it may leave unread."""
        self._end("does_not_read")
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, whoever ended it."""
        self._end("connection_lost" if exc else "closed_by_client")
        self._server.lost(self)

    # --- the session's side

    @property
    def unread(self) -> int:
        """See `Channel.unread`."""
        return 0 if self._stage is _Stage.CLOSED else self._transport.get_write_buffer_size()

    @property
    def is_storing(self) -> bool:
        """See `Channel.is_storing`."""
        return bool(self._stored)

    def publish(self, topic: str, payload: bytes, packet_id: int = 0) -> None:
        """See `Channel.publish`."""
        self._send(encode(Publish(topic, payload, 1 if packet_id else 0, packet_id)))

    def close(self, reason: str) -> None:
        """See `Channel.close`. What was written before still goes out, if the client takes it in time."""
        if self._stage is not _Stage.CLOSED:
            self._flush()
            self._end(reason)
            self._transport.close()

    # --- the server's side

    def expire(self) -> None:
        """The client was silent for longer than `patience`."""
        if self._paused and self._stage is not _Stage.CLOSED:
            self.heard = self._server.now  # it is us who do not listen
            return
        self._end("no_connect" if self._stage is _Stage.NEW else "keepalive")
        self._transport.abort()

    def abort(self) -> None:
        """Ends the connection at once."""
        self._end("server_stop")
        self._transport.abort()

    # --- reading

    def _receive(self, data: bytes) -> None:
        """Decodes as much as the stage allows; the rest stays in the decoder as bytes."""
        self._out = []
        try:
            while (most := self._room()) >= 0:
                packets = self._decoder.feed(data, most)
                self._handle_all(packets)
                if len(packets) < most or not most:
                    break
                data = b""
        except MalformedPacketError as error:
            self._handle_all(error.packets)
            self._refuse_bytes(error)
        self._flush()

    def _room(self) -> int:
        """How many packets may be handled now; below 0 when nothing may be read at all."""
        if self._stage is _Stage.OPEN:
            return self._server.limits.unanswered - len(self._stored or ())
        return (1, 0, 0, -1)[self._stage]

    def _refuse_bytes(self, error: MalformedPacketError) -> None:
        if self._stage is _Stage.NEW and isinstance(error, UnsupportedProtocolError):
            self._send(encode(ConnAck(ConnectCode.UNACCEPTABLE_PROTOCOL)))
        if self._stage is not _Stage.CLOSED:
            log.info("mqtt_malformed", address=self._address(), reason=str(error))
            self.close("malformed")

    def _handle_all(self, packets: list[Packet]) -> None:
        for packet in packets:
            if self._stage is _Stage.OPEN:
                self._handle(packet)
            elif self._stage is _Stage.NEW:
                self._handle_first(packet)
        if self._stage is _Stage.OPEN and not self._paused and not self._room():
            self._pause()

    def _handle_first(self, packet: Packet) -> None:
        if not isinstance(packet, Connect):
            log.info("mqtt_no_connect", address=self._address(), packet=type(packet).__name__)
            self.close("no_connect")
            return
        self._stage = _Stage.LOGGING_IN
        self._decoder.level = packet.level
        self._pause()
        task = asyncio.get_running_loop().create_task(self._log_in(packet))
        self._server.logins.add(task)
        task.add_done_callback(self._server.logins.discard)

    async def _log_in(self, connect: Connect) -> None:
        try:
            outcome = await self._server.handler.log_in(connect, self._peer())
        except Exception:  # whatever failed, the device gets an answer and tries again
            log.exception("login_failed", address=self._address())
            outcome = ConnectCode.SERVER_UNAVAILABLE
        if self._stage is _Stage.CLOSED:
            return
        if isinstance(outcome, ConnectCode):
            self._send(encode(ConnAck(outcome)))
            self.close("refused")
        else:
            self._open(outcome, connect.keepalive)

    def _open(self, session: Session, keepalive: int) -> None:
        limits = self._server.limits
        watched = min(keepalive or limits.keepalive_most_s, limits.keepalive_most_s)
        self._session = session
        self._stage = _Stage.OPEN
        self._send(encode(ConnAck(ConnectCode.ACCEPTED)))
        session.opened(self)
        self.patience = watched * limits.keepalive_grace + limits.sweep_s
        self._resume()

    def _handle(self, packet: Packet) -> None:
        if isinstance(packet, Publish):
            self._handle_publish(packet)
        elif isinstance(packet, PingReq):
            self._send(_PING_RESPONSE)
        elif isinstance(packet, PubAck):
            self._session.acknowledged(packet.packet_id)
        elif isinstance(packet, Subscribe):
            self._handle_subscribe(packet)
        elif isinstance(packet, Unsubscribe):
            self._session.unsubscribe(packet.filters)
            self._send(encode(UnsubAck(packet.packet_id)))
        elif isinstance(packet, Disconnect):
            self.close("disconnect")
        else:
            log.info("mqtt_unexpected", address=self._address(), packet=type(packet).__name__)
            self.close("unexpected_packet")

    def _handle_publish(self, packet: Publish) -> None:
        if packet.qos == _QOS_2:
            log.info("mqtt_qos_2", address=self._address())
            self.close("qos_2")
            return
        stored = self._session.publish(packet.topic, packet.payload)
        if stored is not None:
            self._wait_for(packet.packet_id, asyncio.ensure_future(stored))
        elif self._stored:
            self._stored.append((packet.packet_id, None))
        elif packet.qos:
            self._send(encode(PubAck(packet.packet_id)))

    def _handle_subscribe(self, packet: Subscribe) -> None:
        codes = self._session.subscribe(packet.filters)
        if self._decoder.level == LEVEL_3_1:  # its SUBACK has no code for a refusal
            codes = [0 if code == SUBSCRIPTION_REFUSED else code for code in codes]
        self._send(encode(SubAck(packet.packet_id, tuple(codes))))
        self._session.subscribed()

    # --- acknowledging

    def _wait_for(self, packet_id: int, stored: asyncio.Future[None]) -> None:
        """Puts a message behind those that are being stored; only the first of them has a callback."""
        if self._stored is None:
            self._stored = deque()
            stored.add_done_callback(self._on_stored)
        self._stored.append((packet_id, stored))

    def _on_stored(self, _: asyncio.Future[None]) -> None:
        """Acknowledges the messages that are stored, in the order in which they came."""
        if self._stored is None:
            return
        acknowledged = bytearray()
        while self._stored:
            packet_id, stored = self._stored[0]
            if stored is not None and not stored.done():
                stored.add_done_callback(self._on_stored)
                break
            failure = None if stored is None or stored.cancelled() else stored.exception()
            unacknowledged = isinstance(failure, UnacknowledgedError)
            if packet_id and stored is not None and not unacknowledged and (stored.cancelled() or failure is not None):
                self._send(bytes(acknowledged))
                self.close("not_stored")
                return
            self._stored.popleft()
            if packet_id and not unacknowledged:
                acknowledged += encode(PubAck(packet_id))
        self._send(bytes(acknowledged))
        self._go_on()

    def _go_on(self) -> None:
        waiting = len(self._stored or ())
        if not waiting:
            self._stored = None
        if self._paused and waiting <= self._server.limits.unanswered // 2:
            self._resume()

    def _pause(self) -> None:
        self._paused = True
        self._transport.pause_reading()

    def _resume(self) -> None:
        """Reads on, beginning with what had arrived before the pause."""
        self._paused = False
        self.heard = self._server.now
        self._receive(b"")
        if self._stage is _Stage.OPEN and not self._paused:
            self._transport.resume_reading()

    # --- writing

    def _send(self, data: bytes) -> None:
        """Writes now, or at the end of the bytes that are being handled: one system call for all their answers."""
        if self._stage is _Stage.CLOSED or not data:
            return
        if self._out is None:
            self._transport.write(data)
        else:
            self._out.append(data)

    def _flush(self) -> None:
        out, self._out = self._out, None
        if out and self._stage is not _Stage.CLOSED:
            self._transport.write(b"".join(out))

    def _end(self, reason: str) -> None:
        if self._stage is _Stage.CLOSED:
            return
        was_open = self._stage is _Stage.OPEN
        self._stage = _Stage.CLOSED
        self._stored = None
        self.heard = self._server.now
        self.patience = self._server.limits.linger_s
        if was_open:
            self._session.closed(reason)

    def _peer(self) -> Peer:
        told: Peer | None = self._transport.get_extra_info("peer")
        if told is not None:  # a proxy in front of the HTTP server may know more than the connection
            return told
        tls = self._transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        return Peer(self._address(), tls is not None, certificate)

    def _address(self) -> str:
        peer = self._transport.get_extra_info("peername")
        return str(peer[0]) if peer else ""
