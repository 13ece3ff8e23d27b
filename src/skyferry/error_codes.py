"""The documented business errors (control-plane reference §8): code on the wire and a sentence that says what to do.

The gateway's own errors (signatures, missing parameters, throttling) are in `skyferry.rpc.gateway_errors`.
"""

from skyferry.errors import ErrorKind


def _firmware(suffix: str, text: str) -> ErrorKind:
    return ErrorKind(f"iot.firmware.{suffix}", text)


# Packages
ALREADY_EXISTED_FIRMWARE_NAME = _firmware(
    "AlreadyExistedFirmwareName", "A package of this name exists. Choose another FirmwareName."
)
ALREADY_EXISTED_FIRMWARE_VERSION = _firmware(
    "AlreadyExistedFirmwareVersion", "The product has a package of this DestVersion. Choose another version."
)
BLANK_FIRMWARE_NAME = _firmware("BlankFirmwareName", "FirmwareName holds only blanks.")
NULL_FIRMWARE_NAME = _firmware("NullFirmwareName", "FirmwareName is empty.")
INCORRECT_FORMATTED_FIRMWARE_NAME = _firmware(
    "IncorrectFormattedFirmwareName",
    "FirmwareName has 1 to 40 letters (Chinese, English, Japanese), digits, - _ ( ) and starts with a letter or digit.",
)
NULL_FIRMWARE_VERSION = _firmware("NullFirmwareVersion", "DestVersion is empty.")
INCORRECT_FORMATTED_FIRMWARE_VERSION = _firmware(
    "IncorrectFormattedFirmwareVersion", "DestVersion has 1 to 64 of A-Z a-z 0-9 . _ -"
)
INCORRECT_FORMATTED_SRC_VERSION = _firmware(
    "IncorrectFormattedSrcVersion", "SrcVersion has 1 to 64 of A-Z a-z 0-9 . _ -"
)
SRC_VERSION_IS_MANDATORY = _firmware("SrcVersionIsMandatory", "A differential package (Type 1) needs SrcVersion.")
SRC_DEST_VERSION_MATCHED = _firmware("SrcDestVersionMatched", "SrcVersion and DestVersion must differ.")
NULL_FIRMWARE_URL = _firmware("NullFirmwareUrl", "Give FirmwareUrl, or MultiFiles for several files.")
MALFORMED_FIRMWARE_URL = _firmware("MalformedFirmwareUrl", "FirmwareUrl is not a URL.")
INVALID_FIRMWARE_URL = _firmware(
    "InvalidFirmwareUrl",
    "No uploaded file stands behind this URL. Upload it to a ticket of GenerateOTAUploadURL first.",
)
EMPTY_FIRMWARE_FILE = _firmware("EmptyFirmwareFile", "The uploaded file is empty.")
INVALID_FIRMWARE_SIZE = _firmware("InvalidFirmwareSize", "FirmwareSize is not the size of the uploaded file.")
INVALID_FIRMWARE_SIGN = _firmware("InvalidFirmwareSign", "FirmwareSign is not the digest of the uploaded file.")
INVALID_FIRMWARE_SIGN_METHOD = _firmware("InvalidFirmwareSignMethod", "SignMethod is MD5 or SHA256.")
INVALID_FIRMWARE_TYPE = _firmware("InvalidFirmwareType", "Type is 0 (full) or 1 (differential).")
FIRMWARE_DESCRIPTION_EXCEED_MAX_LENGTH = _firmware(
    "FirmwareDescriptionExceedMaxLength", "FirmwareDesc has at most 100 characters."
)
FIRMWARE_COUNT_EXCEED_MAX = _firmware(
    "FirmwareCountExceedMax", "The instance has as many packages as it may have. Delete some that are not needed."
)
OTA_FIRMWARE_NOT_FOUND = ErrorKind("iot.ota.FirmwareNotFound", "The specified firmware does not exist.")
DELETE_FIRMWARE_FAILURE = _firmware("DeleteFirmwareFailure", "Jobs of the package go on.")
NULL_FIRMWARE_ID = _firmware("NullFirmwareId", "FirmwareId is empty.")
FIRMWARE_NOT_FOUND = _firmware(
    "FirmwareNotFound", "The instance has no package of this FirmwareId: ListOTAFirmware lists those that it has."
)
FIRMWARE_AND_PRODUCT_KEY_MISMATCH = _firmware(
    "FirmwareAndProductKeyMismatch", "The package belongs to another product than ProductKey names."
)
INVALID_GENERATE_OTA_UPLOAD_URL_PARAM = _firmware(
    "InvalidGenerateOTAUploadURLParam", "FileSuffix is one of bin, dav, apk, tar, gz, tar.gz, zip, gzip, swu, raucb."
)
INVALID_FIRMWARE = _firmware("InvalidFirmware", "No package can be made of this.")

# Modules
MODULE_NAME_RESERVED = _firmware(
    "ModuleNameReserved", "Every product has the module default: it cannot be made. Choose another ModuleName."
)
CREATE_OTA_MODULE_PARAM_ERROR = ErrorKind("iot.ota.CreateOTAModuleParamError", "The module cannot be made like this.")
CREATE_OTA_MODULE_EXCEED_LIMIT = ErrorKind(
    "iot.ota.CreateOTAModuleExceedLimit", "A product has at most 10 modules besides default. Delete one first."
)
CREATE_OTA_MODULE_NAME_EXIST = ErrorKind(
    "iot.ota.CreateOTAModuleNameExist", "The product has a module of this name: letter case makes no difference."
)
UPDATE_OTA_MODULE_PARAM_ERROR = ErrorKind("iot.ota.UpdateOTAModuleParamError", "The module cannot be changed so.")
DELETE_OTA_MODULE_PARAM_ERROR = ErrorKind("iot.ota.DeleteOTAModuleParamError", "The product has no such module.")
DELETE_OTA_MODULE_PACKAGE_EXIST = ErrorKind(
    "iot.ota.DeleteOTAModulePackageExist", "The module has packages. Delete them with DeleteOTAFirmware first."
)
DELETE_OTA_DEFAULT_MODULE = ErrorKind(
    "iot.ota.DeleteOtaDefaultModule", "The module default stands for the whole firmware and cannot be deleted."
)
INCORRECT_FORMATTED_MODULE_NAME = _firmware(
    "IncorrectFormattedModuleName", "ModuleName has 1 to 64 of A-Z a-z 0-9 . _ -"
)

# Jobs
FIRMWARE_NOT_VERIFIED = _firmware(
    "FirmwareNotVerified",
    "The package is not verified. Run CreateOTAVerifyJob first, or create it with NeedToVerify=false.",
)
IN_PROGRESS_VERIFY_JOB_EXISTED = _firmware(
    "InProgressVerifyJobExisted", "A verification of this package is running. Wait for its end or cancel it."
)
VERIFY_FIRMWARE_FAILED = _firmware(
    "VerifyFirmwareFailed", "The package is verified already, or was created with NeedToVerify=false."
)
NULL_TARGET_SELECTION = _firmware("NullTargetSelection", "TargetSelection is empty.")
INVALID_TARGET_SELECTION = _firmware("InvalidTargetSelection", "TargetSelection is ALL, SPECIFIC, GRAY or GROUP.")
NULL_TARGET_DEVICE_NAMES = _firmware(
    "NullTargetDeviceNames", "TargetSelection SPECIFIC needs TargetDeviceName.N or DnListFileUrl."
)
TARGET_DEVICE_NAMES_NOT_ALLOWED = _firmware(
    "TargetDeviceNamesNotAllowed", "TargetDeviceName.N goes with TargetSelection SPECIFIC only."
)
SRC_VERSIONS_NOT_ALLOWED = _firmware(
    "SrcVersionsNotAllowed", "SrcVersion.N goes with TargetSelection ALL or GRAY only."
)
SRC_VERSIONS_SIZE_EXCEED_MAX = _firmware("SrcVersionsSizeExceedMax", "A job has at most 10 source versions.")
MORE_THAN_ONE_SRC_VERSION = _firmware(
    "MoreThanOneSrcVersion", "A differential package has one source version: give that one or none."
)
UPGRADE_SRC_VERSION_MISMATCH = _firmware(
    "UpgradeSrcVersionMismatch", "SrcVersion differs from the source version of the differential package."
)
SRC_VERSION_MISMATCH = _firmware(
    "SrcVersionMismatch", "A named device does not run the source version of the differential package."
)
DEVICE_WITH_DESTINATION_VERSION_IN_ARRAY = _firmware(
    "DeviceWithDestinationVersionInArray", "A named device runs the destination version already."
)
NON_VERSIONED_DEVICE_IN_ARRAY = _firmware(
    "NonVersionedDeviceInArray", "A named device has not reported a version of the package's module."
)
TOO_MANY_DEVICE_UPGRADE = _firmware("TooManyDeviceUpgrade", "The job is for more devices than one job may have.")
NO_DEVICE_CAN_UPGRADE = _firmware(
    "NoDeviceCanUpgrade", "No device of the selection can be updated with this package: PreviewOTAJob tells why."
)
PARAMETER_SIZE_EXCEED_MAX = _firmware("ParameterSizeExceedMax", "A list has more items than the operation allows.")
NULL_SRC_VERSIONS = _firmware(
    "NullSrcVersions", "A dynamic job needs SrcVersion.N, or GroupId and GroupType for a dynamic group."
)
NULL_GRAY_PERCENT = _firmware("NullGrayPercent", "TargetSelection GRAY needs GrayPercent.")
BADLY_FORMATTED_GRAY_PERCENT = _firmware(
    "BadlyFormattedGrayPercent", "GrayPercent is a number with at most three decimals, such as 33.33."
)
INVALID_GRAY_PERCENT = _firmware("InvalidGrayPercent", "GrayPercent is above 0 and at most 100.")
GRAY_APPLIES_TO_STATIC_ONLY = _firmware(
    "GrayAppliesToStaticOnly", "GrayPercent goes with static jobs only: a dynamic job is for all devices that match."
)
DYNAMIC_GRAY_NOT_SUPPORTED = _firmware(
    "DynamicGrayNotSupported", "A dynamic job is for all devices that match: a share of them is for static jobs."
)
DYNAMIC_SPECIFIC_NOT_SUPPORTED = _firmware(
    "DynamicSpecificNotSupported", "A dynamic job is for all devices that match: named ones are for static jobs."
)
INVALID_DYNAMIC_MODE = _firmware(
    "InvalidDynamicMode", "DynamicMode is 1 (devices that match now or later) or 2 (only devices that report later)."
)
IN_PROGRESS_DYNAMIC_JOB_EXISTED = _firmware(
    "InProgressDynamicJobExisted", "The package has a running dynamic job. End it by CancelOTAStrategyByJob first."
)
INVALID_RETRY_INTERVAL = _firmware("InvalidRetryInterval", "RetryInterval is 0, 10, 30, 60 or 1440 minutes.")
INVALID_RETRY_COUNT = _firmware("InvalidRetryCount", "RetryCount is 1, 2 or 5; RetryInterval needs it.")
FIRE_TIME_MUST_LARGE_THAN_CURRENT_TIME = _firmware(
    "FireTimeMustLargeThanCurrentTime", "ScheduleTime has passed. Give a time from 5 minutes to 7 days from now."
)
FIRE_TIME_TOO_SHORT = _firmware("FireTimeTooShort", "ScheduleTime is less than 5 minutes from now.")
FIRE_TIME_TOO_LATE = _firmware("FireTimeTooLate", "ScheduleTime is more than 7 days from now.")
SCHEDULE_FINISH_TIME_WITHOUT_START_TIME = _firmware(
    "ScheduleFinishTimeWithoutStartTime", "ScheduleFinishTime needs ScheduleTime."
)
SCHEDULE_FINISH_TIME_EARLIER_THAN_START_TIME = _firmware(
    "ScheduleFinishTimeEarlierThanStartTime", "ScheduleFinishTime is not after ScheduleTime."
)
SCHEDULE_FINISH_TIME_TOO_EARLY = _firmware(
    "ScheduleFinishTimeTooEarly", "ScheduleFinishTime is less than 60 minutes after ScheduleTime."
)
SCHEDULE_FINISH_TIME_TOO_LATE = _firmware(
    "ScheduleFinishTimeTooLate", "ScheduleFinishTime is more than 30 days after ScheduleTime."
)
INVALID_OVERWRITE_MODE = _firmware(
    "InvalidOverwriteMode", "OverwriteMode is 1 or 2, and not 2 together with MultiModuleMode=true."
)
INVALID_MAXIMUM_PER_MINUTE = _firmware("InvalidMaximumPerMinute", "MaximumPerMinute is a number from 10 to 10000.")
INVALID_TIMEOUT_SETTING = _firmware("InvalidTimeoutSetting", "TimeoutInMinutes is a number from 1 to 1440.")
NULL_OTA_JOB_ID = _firmware("NullOTAJobId", "JobId is empty.")
INVALID_OTA_JOB_ID = _firmware(
    "InvalidOTAJobId", "The instance has no job of this JobId: ListOTAJobByFirmware lists those of a package."
)
INVALID_TASK_STATUS = _firmware(
    "InvalidTaskStatus", "TaskStatus is CONFIRM, QUEUED, NOTIFIED, IN_PROGRESS, SUCCEEDED, FAILED or CANCELED."
)
NULL_SELECTION_TYPE = _firmware("NullSelectionType", "UpgradeType is empty.")
INVALID_SELECTION_TYPE = _firmware("InvalidSelectionType", "UpgradeType is STATIC or DYNAMIC.")
CANCEL_OPTION_IS_MANDATORY = _firmware(
    "CancelOptionIsMandatory", "Say which tasks to cancel: CancelQueuedTask=true, for example."
)
JOB_HAS_NO_SCHEDULE_TIME = _firmware(
    "JobHasNoScheduleTime", "CancelScheduledTask is for jobs with a ScheduleTime: name the states of the tasks instead."
)
JOB_ALREADY_CANCELED = _firmware("JobAlreadyCanceled", "The job is canceled already.")
NOT_DYNAMIC_JOB = _firmware(
    "NotDynamicJob", "Only a dynamic job has a policy. CancelOTATaskByJob cancels the tasks of any job."
)
NULL_TASK_ID = _firmware("NullTaskId", "TaskId is empty.")
INVALID_OTA_TASK_ID = _firmware("InvalidOTATaskId", "The specified task does not exist.")
RE_UPGRADE_FAILED_FIRMWARE_NOT_VERIFIED = _firmware(
    "ReUpgradeFailedFirmwareNotVerified", "The package is not verified: its tasks cannot run again."
)
DEVICE_UPGRADE_RECORD_NOT_FOUND = _firmware(
    "DeviceUpgradeRecordNotFound", "None of the named devices has a task of this package to cancel."
)
INCORRECT_DEVICE_UPGRADE_JOB_STATUS = _firmware(
    "IncorrectDeviceUpgradeJobStatus",
    "No task of the named devices is pending: they have begun or ended and are not changed by this call.",
)
INVALID_TAG = ErrorKind(
    "iot.common.InvalidFormattedParameter",
    "A job has at most 10 tags: keys of 1 to 30 letters, digits and dots, values of 1 to 1024 characters, 4096 in all.",
)
TAG_KEY_DUPLICATED = ErrorKind("iot.ota.tag.KeyDuplicated", "Two tags have the same key.")

# What Skyferry adds to the original
INVALID_CONTROLS = ErrorKind("skyferry.InvalidControls", "The job's controls cannot take effect.")
JOB_HAS_ENDED = ErrorKind("skyferry.JobHasEnded", "The job has ended: there is nothing to hold back any more.")
JOB_IS_PAUSED = ErrorKind("skyferry.JobIsPaused", "The job is paused already. ResumeOTAJob lets it go on.")
NO_DEVICE_CERTIFICATES = ErrorKind(
    "skyferry.NoDeviceCertificates", "Devices of this product log in with secrets: its AuthType is not x509."
)
INVALID_DEVICE_CERTIFICATE = ErrorKind(
    "skyferry.InvalidDeviceCertificate", "Certificate is an X.509 certificate in PEM, with its BEGIN and END lines."
)
DEVICE_CERTIFICATE_TAKEN = ErrorKind(
    "skyferry.DeviceCertificateTaken",
    "The certificate is bound to another device already. Each device has its own: issue one for this device.",
)
JOB_IS_NOT_PAUSED = ErrorKind("skyferry.JobIsNotPaused", "The job is not paused.")

# Common
INVALID_PAGE_PARAMS = ErrorKind("iot.common.InvalidPageParams", "CurrentPage or PageSize is out of range.")
INVALID_FORMATTED_PARAMETER = ErrorKind("iot.common.InvalidFormattedParameter", "A parameter has a wrong format.")
PARAMETER_IS_NOT_LESS_THAN_MAX = ErrorKind(
    "iot.check.ParameterIsNotLessThanMax", "A list has more items than the operation allows."
)

# Products
NULL_PRODUCT_KEY = ErrorKind("iot.prod.NullProductKey", "ProductKey is empty.")
NOT_EXISTED_PRODUCT = ErrorKind("iot.prod.NotExistedProduct", "The specified product does not exist.")
NULL_PRODUCT_NAME = ErrorKind("iot.prod.NullProductName", "ProductName is empty.")
INVALID_FORMATTED_PRODUCT_NAME = ErrorKind(
    "iot.prod.InvalidFormattedProductName",
    "ProductName has 4 to 30 Chinese characters (counted twice), letters, digits and _.",
)
ALREADY_EXISTED_PRODUCT_NAME = ErrorKind("iot.prod.AlreadyExistedProductName", "A product of this name exists.")
LONG_PRODUCT_DESC = ErrorKind("iot.prod.LongProductDesc", "Description has at most 100 characters.")
INVALID_NODE_TYPE = ErrorKind("iot.prod.InvalidNodeType", "NodeType is 0 (device) or 1 (gateway).")
INVALID_ALIYUN_COMMODITY_CODE = ErrorKind(
    "iot.prod.InvalidAliyunCommodityCode",
    "AliyunCommodityCode is iothub or iothub_senior; iothub_senior also needs DataFormat 0 or 1.",
)
DELETE_PRODUCT_FAILED = ErrorKind("iot.prod.DeleteProductFailed", "Jobs of the product go on.")
PRODUCT_COUNT_EXCEED_MAX = ErrorKind(
    "iot.prod.ProductCountExceedMax", "The account has as many products as it may have."
)

# Devices
NULL_DEVICE_NAME = ErrorKind("iot.device.NullDeviceName", "Name the device: IotId, or ProductKey and DeviceName.")
INVALID_FORMATTED_DEVICE_NAME = ErrorKind(
    "iot.device.InvalidFormattedDeviceName", "DeviceName has 4 to 32 of A-Z a-z 0-9 - _ @ . :"
)
INVALID_DEVICE_NICKNAME = ErrorKind(
    "iot.device.InvalidFormattedDeviceNickname",
    "Nickname has 4 to 64 Chinese characters (counted twice), letters, digits and _.",
)
ALREADY_EXISTED_DEVICE_NAME = ErrorKind("iot.device.AlreadyExistedDeviceName", "The product has a device of this name.")
NOT_EXISTED_DEVICE = ErrorKind("iot.device.NotExistedDevice", "The specified device does not exist.")
INVALID_IOT_ID = ErrorKind("iot.device.InvalidIoTId", "No device has this IotId.")
NULL_DEVICE_PROPERTY_KEY = ErrorKind("iot.device.NullDevicePropertyKey", "Name the key of a tag.")
INVALID_FORMATTED_DEVICE_PROPERTY_KEY = ErrorKind(
    "iot.device.InvalidFormattedDevicePropertyKey", "The key of a tag has a character that cannot be stored."
)
NULL_DEVICE_PROPERTIES_STRING = ErrorKind("iot.device.NullDevicePropertiesString", "Props holds no tag.")
INVALID_FORMATTED_DEVICE_PROPERTIES_STRING = ErrorKind(
    "iot.device.InvalidFormattedDevicePropertiesString", 'Props is a JSON object of texts, such as {"color":"red"}.'
)
LONG_DEVICE_PROPERTIES_STRING = ErrorKind("iot.device.LongDevicePropertiesString", "Props has at most 5120 bytes.")
TOO_MANY_DEVICE_PROPERTIES_PER_TIME = ErrorKind(
    "iot.device.TooManyDevicePropertiesPerTime", "Props holds at most 100 tags."
)
NONE_DEVICE_NAME_ELEMENT = ErrorKind(
    "iot.device.NoneDeviceNameElement", "Give the names as DeviceName.N or as DeviceNameList.N.DeviceName."
)
INVALID_DEVICE_NAME_EXISTED = ErrorKind(
    "iot.device.InvalidDeviceNameExisted",
    "Names are not of the form or occur more than once: Data tells which. Nothing was begun.",
)
INVALID_DEVICE_NICKNAME_EXISTED = ErrorKind(
    "iot.device.InvalidDeviceNickNameExisted", "Nicknames are not of the form: Data tells which. Nothing was begun."
)
CREATE_DEVICE_TASK_IS_RUNNING = ErrorKind(
    "iot.device.CreateDeviceTaskIsRunning",
    "The registration is being worked on. Ask QueryBatchRegisterDeviceStatus until that has ended.",
)
INCORRECT_DEVICE_APPLY_INFO = ErrorKind(
    "iot.device.IncorrentDeviceApplyInfo", "The ApplyId belongs to another product than ProductKey names."
)
INVALID_FORMATTED_APPLY_ID = ErrorKind("iot.device.InvalidFormattedApplyId", "ApplyId is a number from 1.")
DEVICE_APPLY_MANY_FAILED = ErrorKind("iot.device.ApplyManyDevicesFailed", "Count is a number from 1 to 10000.")
DEVICE_APPLY_IS_NOT_FOUND = ErrorKind("iot.device.DeviceApplyIsNotFound", "The specified ApplyId does not exist.")

# Gateways
QUERY_TOPO_RELATION_FAILED = ErrorKind(
    "iot.device.QueryTopoRelationFailed", "The device is no gateway, or it is behind none."
)
ADD_TOPO_RELATION_FAILED = ErrorKind("iot.device.AddTopoRelationFailed", "The device cannot have these sub-devices.")
REMOVE_TOPO_RELATION_FAILED = ErrorKind(
    "iot.device.RemoveTopoRelationFailed", "The device has no sub-devices and is behind no gateway."
)
TOPO_RELATION_COUNT_EXCEEDED = ErrorKind(
    "iot.device.TopoRelationCountExceeded", "The gateway has as many sub-devices as it may have."
)
VERIFY_DEVICE_FAILED = ErrorKind(
    "iot.device.VerifyDeviceFailed", "Sign each sub-device with its DeviceSecret: a signature is wrong."
)

# Groups
NULL_GROUP_ID = ErrorKind("iot.group.NullGroupId", "GroupId is empty.")
NOT_EXISTED_GROUP = ErrorKind(
    "iot.group.NotExistedGroup",
    "The instance has no group of this GroupId: QueryDeviceGroupList lists those that it has.",
)
INVALID_GROUP_NAME = ErrorKind(
    "iot.group.InvalidGroupName",
    "GroupName has 4 to 30 Chinese characters (counted twice), letters, digits and _.",
)
GROUP_NAME_EXISTED = ErrorKind("iot.group.GroupNameExisted", "The instance has a group of this name.")
LONG_GROUP_DESC_ERROR = ErrorKind("iot.group.LongGroupDescError", "GroupDesc has at most 100 characters.")
SUB_GROUP_NOT_NULL = ErrorKind("iot.group.SubGroupNotNull", "The group has subgroups. Delete those first.")
GROUP_COUNT_EXCEED_MAX = ErrorKind(
    "iot.group.GroupCountExceedMax", "There are as many groups as there may be. Delete some that are not needed."
)
GROUP_LEVEL_EXCEEDING_LIMIT_ERROR = ErrorKind(
    "iot.group.GroupLevelExceedingLimitError", "Groups are 3 levels deep: the group of SuperGroupId has no subgroups."
)
BIND_GROUP_RELATION_FAILED = ErrorKind("iot.group.BindGroupRelationFailed", "The group would have too many devices.")

# The language of device searches
INVALID_SQL_ERROR = ErrorKind("iot.devicesearch.InvalidSQLError", "The sentence is not understood.")
INVALID_SQL_OFFSET_ERROR = ErrorKind("iot.devicesearch.InvalidSQLOffsetError", "LIMIT is out of range.")
INVALID_SQL_FIELD_ERROR = ErrorKind("iot.devicesearch.InvalidSQLFieldError", "A field is unknown.")
INVALID_SQL_CONDITION_ERROR = ErrorKind("iot.devicesearch.InvalidSQLConditionError", "There are too many conditions.")
INVALID_SQL_ORDER_ERROR = ErrorKind("iot.devicesearch.InvalidSQLOrderError", "Devices are not sorted by this field.")
INVALID_SQL_OPERATOR_TYPE_ERROR = ErrorKind(
    "iot.devicesearch.InvalidSQLOperatorTypeError", "A field cannot be compared by this operator."
)
INVALID_SQL_PARAM_ERROR = ErrorKind("iot.devicesearch.InvalidSQLParamError", "A value does not fit its field.")

# Messages to the business server; the codes are our own
EVENT_SUBSCRIPTION_NOT_FOUND = ErrorKind("iot.event.SubscriptionNotFound", "The specified subscription does not exist.")
EVENT_SUBSCRIPTION_COUNT_EXCEED_MAX = ErrorKind(
    "iot.event.SubscriptionCountExceedMax", "The instance has as many subscriptions as it may have. Delete one."
)
INVALID_EVENT_KIND = ErrorKind("iot.event.InvalidKind", "Kind is webhook or nats.")
INVALID_EVENT_TYPE = ErrorKind(
    "iot.event.InvalidType",
    "Type.N is one or more of task.ended, task.status, module.version, device.status, job.status.",
)
INVALID_EVENT_TARGET = ErrorKind("iot.event.InvalidTarget", "Target is not right for this kind of subscription.")
EVENT_NATS_NOT_CONFIGURED = ErrorKind(
    "iot.event.NatsNotConfigured", "This server is not connected to NATS: start it with --nats URL."
)

# Secure update; the codes are our own
ALREADY_EXISTED_SIGNING_KEY = ErrorKind(
    "iot.prod.AlreadyExistedSigningKey", "The product has a signing key. Call RotateProductSigningKey to replace it."
)
NOT_EXISTED_SIGNING_KEY = ErrorKind(
    "iot.prod.NotExistedSigningKey", "The product has no signing key. Call CreateProductSigningKey first."
)
INVALID_SIGNING_KEY = ErrorKind(
    "iot.prod.InvalidSigningKey",
    "PrivateKey is an RSA key of 2048 bits with the exponent 65537, in PEM and without a password.",
)
SIGNING_KEY_COUNT_EXCEED_MAX = ErrorKind(
    "iot.prod.SigningKeyCountExceedMax", "The product had as many signing keys as it may have: use another product."
)
NOT_EXISTED_TUF_REPOSITORY = ErrorKind(
    "iot.prod.NotExistedTufRepository", "The product has no TUF repository: skyferry tuf init makes one."
)

# Roles; the codes and statuses are those of the service that has AssumeRole
STS_ROLE_NOT_FOUND = ErrorKind("EntityNotExist.Role", "The account has no role of this RoleArn.", 404)
STS_INVALID_ROLE_ARN = ErrorKind(
    "InvalidParameter.RoleArn", "The parameter RoleArn is wrongly formed: it is acs:ram::ACCOUNT:role/NAME.", 400
)
STS_INVALID_SESSION_NAME = ErrorKind(
    "InvalidParameter.RoleSessionName",
    "The parameter RoleSessionName is wrongly formed: it has 2 to 64 of A-Z a-z 0-9 . @ - _",
    400,
)
STS_INVALID_DURATION = ErrorKind(
    "InvalidParameter.DurationSeconds", "DurationSeconds is 900 up to what the role allows.", 400
)
STS_POLICY_GRAMMAR = ErrorKind(
    "InvalidParameter.PolicyGrammar", "The parameter Policy has not passed grammar check.", 400
)
STS_POLICY_SIZE = ErrorKind("InvalidParameter.PolicySize", "The parameter Policy has at most 2048 bytes.", 400)
