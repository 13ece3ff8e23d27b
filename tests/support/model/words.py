"""The words of the API that the model speaks: states, codes, and what a refusal is."""

from typing import Final

CONFIRM, QUEUED, NOTIFIED, IN_PROGRESS = "CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"
SUCCEEDED, FAILED, CANCELED = "SUCCEEDED", "FAILED", "CANCELED"
PLANNED, COMPLETED = "PLANNED", "COMPLETED"
PENDING: Final = frozenset({CONFIRM, QUEUED, NOTIFIED})
OPEN: Final = PENDING | {IN_PROGRESS}
OFFERED: Final = frozenset({QUEUED, NOTIFIED, IN_PROGRESS})

VERIFY, STATIC, DYNAMIC = "VERIFY", "STATIC", "DYNAMIC"
ALL, SPECIFIC, GRAY, GROUP = "ALL", "SPECIFIC", "GRAY", "GROUP"
DEFAULT: Final = "default"

NOT_NEEDED, UNVERIFIED, VERIFIED, VERIFYING, UNFIT = -1, 0, 1, 2, 3
"""The states of a package (§7.3); the last is that of a verification that failed."""

NO_DEVICE: Final = "iot.firmware.NoDeviceCanUpgrade"
NOT_VERSIONED: Final = "iot.firmware.NonVersionedDeviceInArray"
AT_TARGET: Final = "iot.firmware.DeviceWithDestinationVersionInArray"
WRONG_SOURCE: Final = "iot.firmware.SrcVersionMismatch"
NO_SOURCES: Final = "iot.firmware.NullSrcVersions"
SOURCES_NOT_ALLOWED: Final = "iot.firmware.SrcVersionsNotAllowed"
SOURCE_IS_TARGET: Final = "iot.firmware.SrcDestVersionMatched"
MANY_SOURCES: Final = "iot.firmware.MoreThanOneSrcVersion"
OTHER_SOURCE: Final = "iot.firmware.UpgradeSrcVersionMismatch"
OTHER_OVERWRITE_MODE: Final = "iot.firmware.InvalidOverwriteMode"
NOT_VERIFIED: Final = "iot.firmware.FirmwareNotVerified"
CANNOT_VERIFY: Final = "iot.firmware.VerifyFirmwareFailed"
VERIFY_JOB_RUNS: Final = "iot.firmware.InProgressVerifyJobExisted"
DYNAMIC_JOB_RUNS: Final = "iot.firmware.InProgressDynamicJobExisted"
NOTHING_TO_CANCEL: Final = "iot.firmware.DeviceUpgradeRecordNotFound"
WRONG_RECORD: Final = "iot.firmware.IncorrectDeviceUpgradeJobStatus"
WRONG_TASK_STATUS: Final = "iot.firmware.InvalidTaskStatus"
UNKNOWN_TASK: Final = "iot.firmware.InvalidOTATaskId"
NOT_VERIFIED_AGAIN: Final = "iot.firmware.ReUpgradeFailedFirmwareNotVerified"
UNFIT_JOB: Final = "iot.firmware.InvalidOTAJobId"
OTHER_KIND: Final = "iot.firmware.InvalidSelectionType"
BAD_TIMEOUT: Final = "iot.firmware.InvalidTimeoutSetting"
NO_FLAG: Final = "iot.firmware.CancelOptionIsMandatory"
NO_SCHEDULE: Final = "iot.firmware.JobHasNoScheduleTime"
ALREADY_CANCELED: Final = "iot.firmware.JobAlreadyCanceled"
NOT_DYNAMIC: Final = "iot.firmware.NotDynamicJob"
JOB_HAS_ENDED: Final = "skyferry.JobHasEnded"
PAUSED_ALREADY: Final = "skyferry.JobIsPaused"
NOT_PAUSED: Final = "skyferry.JobIsNotPaused"


class RefusedError(Exception):
    """The request is refused with this code and changes nothing."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
