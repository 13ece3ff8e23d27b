"""The normative statements of MQTT 3.1.1, in our words, and how this server stands to each.

Source: OASIS standard "MQTT Version 3.1.1", Appendix B, whose numbers these are.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Standing(StrEnum):
    """How the server stands to a statement."""

    KEPT = "kept"
    DIFFERS = "differs on purpose"
    """It does something else, and a test holds what."""
    NOT_OURS = "does not apply"


@dataclass(frozen=True)
class Statement:
    """One normative statement.

    Attributes:
        number: as the standard has it, without `MQTT-`.
        says: what it asks for.
        standing: how the server stands to it.
        why: why it does not apply, or what the server does instead.
    """

    number: str
    says: str
    standing: Standing = Standing.KEPT
    why: str = ""


_CLIENT: Final = "asks it of the client"
_NO_QOS_2: Final = "nothing is sent at QoS 2, and what arrives at QoS 2 ends the connection"
_NO_WILL: Final = "a will is read, checked and forgotten, as on the original platform"
_NO_RETAIN: Final = "the flag is ignored, as on the original platform"
_NO_SESSION: Final = "nothing outlives a connection; what the device has to know is decided anew at its next log-in"
_NO_ROUTING: Final = "what a device says is for the server and goes to no other client"
_NO_FILTERS: Final = "a device gets what is addressed to it whatever it subscribed to, once, with its publisher's QoS"


def _differs(number: str, says: str, why: str) -> Statement:
    return Statement(number, says, Standing.DIFFERS, why)


def _not_ours(number: str, says: str, why: str) -> Statement:
    return Statement(number, says, Standing.NOT_OURS, why)


STATEMENTS: Final = (
    Statement("1.5.3-1", "text is well-formed UTF-8 without surrogates; otherwise the connection ends"),
    Statement("1.5.3-2", "text holds no NUL; otherwise the connection ends"),
    Statement("1.5.3-3", "a byte order mark belongs to the text and is not taken away"),
    Statement("2.2.2-1", "reserved flags of the fixed header have their fixed values"),
    Statement("2.2.2-2", "wrong flags end the connection"),
    Statement("2.3.1-1", "SUBSCRIBE, UNSUBSCRIBE and PUBLISH above QoS 0 have a packet identifier that is not 0"),
    _not_ours("2.3.1-2", "a new packet gets an identifier that is not in use", _CLIENT),
    _not_ours("2.3.1-3", "a packet that is sent again keeps its identifier", _CLIENT),
    Statement("2.3.1-4", "both hold for what the server publishes above QoS 0"),
    Statement("2.3.1-5", "PUBLISH at QoS 0 has no packet identifier"),
    Statement("2.3.1-6", "PUBACK has the identifier of its PUBLISH"),
    Statement("2.3.1-7", "SUBACK and UNSUBACK have the identifier of what they answer"),
    Statement("3.1.0-1", "the first packet is CONNECT"),
    Statement("3.1.0-2", "a second CONNECT ends the connection"),
    Statement("3.1.2-1", "another protocol's name is not treated as MQTT 3.1.1"),
    Statement("3.1.2-2", "an unsupported protocol level is answered with code 1, and the connection ends"),
    Statement("3.1.2-3", "the reserved flag of CONNECT is 0; otherwise the connection ends"),
    _differs("3.1.2-4", "without CleanSession the session is resumed, and kept after the end", _NO_SESSION),
    _differs("3.1.2-5", "messages of QoS 1 wait for a session without CleanSession", _NO_SESSION),
    Statement("3.1.2-6", "with CleanSession nothing of an earlier session is used"),
    _not_ours("3.1.2-7", "retained messages outlive sessions", _NO_RETAIN),
    _differs("3.1.2-8", "a will is published when the connection breaks", _NO_WILL),
    Statement("3.1.2-9", "with the will flag, CONNECT holds topic and message of the will"),
    _not_ours("3.1.2-10", "a will is removed once it is published or taken back", _NO_WILL),
    Statement("3.1.2-11", "without the will flag, QoS and retain of the will are 0 and its fields are absent"),
    Statement("3.1.2-12", "without the will flag no will is published"),
    Statement("3.1.2-13", "without the will flag the will's QoS is 0"),
    Statement("3.1.2-14", "the will's QoS is not 3"),
    Statement("3.1.2-15", "without the will flag the will's retain flag is 0"),
    _differs("3.1.2-16", "a will without retain is published as a message that is not retained", _NO_WILL),
    _differs("3.1.2-17", "a will with retain is published as a retained message", _NO_WILL),
    Statement("3.1.2-18", "without its flag CONNECT holds no user name"),
    Statement("3.1.2-19", "with its flag CONNECT holds a user name"),
    Statement("3.1.2-20", "without its flag CONNECT holds no password"),
    Statement("3.1.2-21", "with its flag CONNECT holds a password"),
    Statement("3.1.2-22", "there is no password without a user name"),
    _not_ours("3.1.2-23", "the client sends something within each keepalive time", _CLIENT),
    Statement("3.1.2-24", "one and a half keepalive times of silence end the connection"),
    Statement("3.1.3-1", "the payload of CONNECT has its fields in the order of the standard"),
    _differs(
        "3.1.3-2",
        "the ClientId identifies the client",
        "the user name does (DeviceName and ProductKey); the ClientId holds free text and the parameters of the log-in",
    ),
    Statement("3.1.3-3", "the ClientId is there, and the first field of the payload"),
    Statement("3.1.3-4", "the ClientId is UTF-8"),
    _differs(
        "3.1.3-5",
        "ClientIds of 1 to 23 letters and digits are allowed",
        "a ClientId without the platform's parameters is refused with code 2",
    ),
    _not_ours("3.1.3-6", "an empty ClientId may be allowed, and is then replaced", "it is not allowed"),
    _not_ours("3.1.3-7", "an empty ClientId comes with CleanSession", _CLIENT),
    Statement("3.1.3-8", "an empty ClientId without CleanSession is refused with code 2"),
    Statement("3.1.3-9", "a ClientId that is refused is answered with code 2, and the connection ends"),
    Statement("3.1.3-10", "the will's topic is UTF-8"),
    Statement("3.1.3-11", "the user name is UTF-8"),
    Statement("3.1.4-1", "a malformed CONNECT ends the connection without CONNACK"),
    Statement("3.1.4-2", "a client that is connected already is disconnected when it connects again"),
    Statement("3.1.4-3", "CleanSession is processed"),
    Statement("3.1.4-4", "a valid CONNECT is answered with CONNACK and code 0"),
    Statement("3.1.4-5", "nothing that follows a refused CONNECT is processed"),
    Statement("3.2.0-1", "the first packet of the server is CONNACK"),
    Statement("3.2.2-1", "with CleanSession, CONNACK says that no session is present"),
    _not_ours("3.2.2-2", "CONNACK says that a session is present when one was kept", _NO_SESSION),
    Statement("3.2.2-3", "CONNACK says that no session is present when none was kept"),
    Statement("3.2.2-4", "a CONNACK that refuses says that no session is present"),
    Statement("3.2.2-5", "the connection ends after a CONNACK that refuses"),
    Statement("3.2.2-6", "when no code fits, the connection ends without CONNACK"),
    _not_ours("3.3.1-1", "DUP is 1 when a PUBLISH is sent again", "a push on a new connection is a new message"),
    Statement("3.3.1-2", "DUP is 0 at QoS 0"),
    _not_ours("3.3.1-3", "DUP is not handed on to subscribers", _NO_ROUTING),
    Statement("3.3.1-4", "PUBLISH with both bits of the QoS ends the connection"),
    _differs("3.3.1-5", "a message with the retain flag is kept for future subscribers", _NO_RETAIN),
    _differs("3.3.1-6", "a new subscription is sent the retained messages", _NO_RETAIN),
    _differs("3.3.1-7", "a message of QoS 0 with the retain flag replaces the retained one", _NO_RETAIN),
    _not_ours("3.3.1-8", "retain is 1 in what a new subscription is sent", _NO_RETAIN),
    Statement("3.3.1-9", "retain is 0 in what is sent as it comes"),
    Statement("3.3.1-10", "an empty message with the retain flag is processed as any other"),
    Statement("3.3.1-11", "an empty message is not retained"),
    Statement("3.3.1-12", "a message without the retain flag is not retained"),
    Statement("3.3.2-1", "PUBLISH begins with a topic in UTF-8"),
    Statement("3.3.2-2", "the topic of PUBLISH has no wildcards"),
    _differs("3.3.2-3", "the topic of a message to a client matches one of its subscriptions", _NO_FILTERS),
    Statement("3.3.4-1", "PUBLISH is answered as its QoS asks; QoS 2 is refused, see 4.3.3-2"),
    _differs("3.3.5-1", "overlapping subscriptions deliver with the highest QoS among them", _NO_FILTERS),
    Statement("3.3.5-2", "a message that is not allowed is acknowledged all the same, or the connection ends"),
    Statement("3.6.1-1", "PUBREL has the flags 0010"),
    Statement("3.8.1-1", "SUBSCRIBE has the flags 0010"),
    Statement("3.8.3-1", "filters of SUBSCRIBE are UTF-8"),
    _not_ours("3.8.3-2", "a server without wildcards refuses filters that have some", "wildcards are understood"),
    Statement("3.8.3-3", "SUBSCRIBE has at least one filter"),
    Statement("3.8.3-4", "a QoS that is not 0, 1 or 2, or a reserved bit, ends the connection"),
    Statement("3.8.4-1", "SUBSCRIBE is answered with SUBACK"),
    Statement("3.8.4-2", "SUBACK has the identifier of its SUBSCRIBE"),
    Statement("3.8.4-3", "the same filter again replaces the subscription"),
    Statement("3.8.4-4", "several filters are as several SUBSCRIBE packets with one SUBACK"),
    Statement("3.8.4-5", "SUBACK has a code for each filter"),
    _differs("3.8.4-6", "a message is sent with the lower of its own QoS and the subscription's", _NO_FILTERS),
    Statement("3.9.3-1", "the codes of SUBACK are in the order of the filters"),
    Statement("3.9.3-2", "no other codes than 0, 1, 2 and 0x80 are used"),
    Statement("3.10.1-1", "UNSUBSCRIBE has the flags 0010"),
    Statement("3.10.3-1", "filters of UNSUBSCRIBE are UTF-8"),
    Statement("3.10.3-2", "UNSUBSCRIBE has at least one filter"),
    Statement("3.10.4-1", "a filter is compared character by character"),
    _differs("3.10.4-2", "what matches a subscription is sent no more after UNSUBSCRIBE", _NO_FILTERS),
    Statement("3.10.4-3", "what was under way at QoS 1 is completed"),
    Statement("3.10.4-4", "UNSUBSCRIBE is answered with UNSUBACK of the same identifier"),
    Statement("3.10.4-5", "also where nothing was subscribed"),
    Statement("3.10.4-6", "several filters are as several UNSUBSCRIBE packets with one UNSUBACK"),
    Statement("3.12.4-1", "PINGREQ is answered with PINGRESP"),
    Statement("3.14.1-1", "reserved bits of DISCONNECT are 0"),
    _not_ours("3.14.4-1", "the client closes after DISCONNECT", _CLIENT),
    _not_ours("3.14.4-2", "the client sends nothing after DISCONNECT", _CLIENT),
    Statement("3.14.4-3", "after DISCONNECT no will is published"),
    Statement("4.1.0-1", "the state of a session is kept as long as the session"),
    Statement("4.1.0-2", "a session lasts as long as its connection"),
    Statement("4.3.1-1", "a message of QoS 0 is sent with QoS and DUP of 0"),
    Statement("4.3.2-1", "a message of QoS 1 is sent with an unused identifier, DUP of 0, and is open until PUBACK"),
    Statement("4.3.2-2", "a message of QoS 1 is acknowledged once it is owned; the same identifier is then a new one"),
    _not_ours("4.3.3-1", "how a message of QoS 2 is sent", _NO_QOS_2),
    _differs("4.3.3-2", "how a message of QoS 2 is received", _NO_QOS_2),
    _differs("4.4.0-1", "without CleanSession, what was not acknowledged is sent again at reconnection", _NO_SESSION),
    _not_ours("4.5.0-1", "a message is added to the sessions with matching subscriptions", _NO_ROUTING),
    _not_ours("4.5.0-2", "the client acknowledges what it is sent", _CLIENT),
    _not_ours("4.6.0-1", "what is sent again is sent in its order", "nothing is sent again, see 3.3.1-1"),
    Statement("4.6.0-2", "PUBACK packets are in the order of the messages"),
    _not_ours("4.6.0-3", "PUBREC packets are in the order of the messages", _NO_QOS_2),
    _not_ours("4.6.0-4", "PUBREL packets are in the order of PUBREC", _NO_QOS_2),
    Statement("4.6.0-5", "topics are ordered"),
    _not_ours("4.6.0-6", "consumers get the messages of a client in their order", _NO_ROUTING),
    Statement("4.7.1-1", "topic names have no wildcards"),
    Statement("4.7.1-2", "`#` stands alone on the last level"),
    Statement("4.7.1-3", "`+` stands alone on its level"),
    _not_ours("4.7.2-1", "a wildcard at the beginning does not match topics with `$`", "there are no such topics"),
    Statement("4.7.3-1", "names and filters are not empty"),
    Statement("4.7.3-2", "names and filters hold no NUL"),
    _not_ours("4.7.3-3", "names and filters have at most 65,535 bytes", "a length of two bytes cannot say more"),
    Statement("4.7.3-4", "names and filters are compared as they are, without normalisation"),
    Statement("4.8.0-1", "a protocol violation ends the connection"),
    Statement("4.8.0-2", "a failure while a packet is processed ends the connection"),
    Statement("6.0.0-1", "WebSocket carries MQTT in binary frames; another frame ends the connection"),
    Statement("6.0.0-2", "packets and frames need not be aligned"),
    _not_ours("6.0.0-3", "the client offers the subprotocol `mqtt`", _CLIENT),
    Statement("6.0.0-4", "the server chooses the subprotocol `mqtt`"),
    _not_ours("7.0.0-1", "a server that connects to others conforms as a client too", "it connects to no other"),
    _differs(
        "7.0.0-2",
        "no extension is required",
        "a device logs in with the platform's signature in ClientId, user name and password",
    ),
    Statement("7.1.1-1", "the transport is an ordered, lossless stream of bytes"),
    _not_ours("7.1.2-1", "the same of a client", _CLIENT),
)
