"""What devices and gateways say when all is right."""

from typing import Final

from skyferry.devices.mqtt.codec import encode
from skyferry.devices.mqtt.packets import (
    Connect,
    Disconnect,
    PingReq,
    PubAck,
    Publish,
    Subscribe,
    Unsubscribe,
    Will,
)
from tests.unit.devices.subdevices.gateway_world import GATEWAYS, SUBDEVICES

OWNER: Final = f"{GATEWAYS}/gateway-1"
_NAMED: Final = b'{"productKey":"%s","deviceName":"sub-1"}' % SUBDEVICES.encode()
_PROOF: Final = _NAMED[:-1] + b',"clientId":"c","timestamp":"1","signmethod":"hmacSha1","sign":"%040d"}' % 0
_BLOCK: Final = b'{"fileToken":"default","fileInfo":{"streamId":1,"fileId":1,},"fileBlock":{"size":256,"offset":0}}'
PARAMS: Final = (
    b"{}",
    b'{"version":"1.0.0","module":"default"}',
    b'{"step":"50","desc":"half way","module":"mcu"}',
    b"[%s]" % _PROOF,
    b"[%s]" % _NAMED,
    b'{"deviceList":[%s]}' % _PROOF,
    b'{"proxieds":[%s]}' % _NAMED,
    _PROOF,
    _BLOCK,
)
PAYLOADS: Final = (
    *(b'{"id":"1","version":"1.0","params":%s}' % params for params in PARAMS),
    b'{"id":7,"params":{"version":"1.0.0",},}',
    b'{"deviceSendTime":"1571724098000"}',
    b'{"method":"update","state":{"reported":{"a":1}},"version":1,"clientToken":"t"}',
)
TOPICS: Final = (
    f"/ota/device/inform/{OWNER}",
    f"/ota/device/progress/{OWNER}",
    f"/ota/device/request/{OWNER}",
    f"/sys/{OWNER}/thing/ota/firmware/get",
    f"/sys/{OWNER}/thing/file/download",
    f"/sys/{OWNER}/thing/topo/add",
    f"/sys/{OWNER}/thing/topo/delete",
    f"/sys/{OWNER}/thing/topo/get",
    f"/sys/{OWNER}/thing/sub/register",
    f"/sys/{OWNER}/thing/proxy/provisioning/product_register",
    f"/sys/{OWNER}/thing/event/property/post",
    f"/sys/{OWNER}/thing/config/log/get",
    f"/ext/ntp/{OWNER}/request",
    f"/ext/session/{OWNER}/combine/login",
    f"/ext/session/{OWNER}/combine/batch_login",
    f"/ext/session/{OWNER}/combine/logout",
    f"/ext/session/{OWNER}/combine/batch_logout",
    f"/shadow/update/{OWNER}",
    f"/{OWNER}/user/data",
    f"/ota/device/inform/{SUBDEVICES}/sub-1",
    f"/sys/{SUBDEVICES}/sub-1/thing/file/download",
)
PACKETS: Final = (
    *(
        encode(Publish(topic, payload, number % 2, number % 2))
        for number, topic in enumerate(TOPICS)
        for payload in PAYLOADS
    ),
    encode(Subscribe(10, ((f"/ota/device/upgrade/{OWNER}", 1), (f"/sys/{OWNER}/#", 0)))),
    encode(Subscribe(11, (("#", 1), (f"/ota/device/upgrade/{SUBDEVICES}/sub-1", 1)))),
    encode(Unsubscribe(12, (f"/sys/{OWNER}/#",))),
    encode(PingReq()),
    encode(PubAck(1)),
    encode(Disconnect()),
)
CONNECTS: Final = (
    encode(Connect("b|securemode=3,signmethod=hmacsha256|", f"gateway-1&{GATEWAYS}", b"0" * 64, 60)),
    encode(Connect("b|securemode=2,authType=register,random=1,signmethod=hmacsha1|", f"sub-1&{SUBDEVICES}", b"0" * 40)),
    encode(Connect("b|securemode=-2,authType=connwl|", f"sub-1&{SUBDEVICES}", b"token")),
    encode(Connect("", None, None, will=Will("w", b"gone", 1, retain=True))),
)
