"""The topics of the device protocol (device-plane reference §2). The simulator uses these names too."""

INFORM = "/ota/device/inform/{product_key}/{device_name}"
UPGRADE = "/ota/device/upgrade/{product_key}/{device_name}"
PROGRESS = "/ota/device/progress/{product_key}/{device_name}"
REQUEST = "/ota/device/request/{product_key}/{device_name}"
FIRMWARE_GET = "/sys/{product_key}/{device_name}/thing/ota/firmware/get"
FIRMWARE_GET_REPLY = "/sys/{product_key}/{device_name}/thing/ota/firmware/get_reply"
