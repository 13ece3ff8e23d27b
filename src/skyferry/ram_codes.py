"""The documented errors of the operations on users, keys and policies; codes and statuses are those of that service."""

from skyferry.errors import ErrorKind

INVALID_USER_NAME = ErrorKind(
    "InvalidParameter.UserName.InvalidChars",
    "UserName has 1 to 64 of A-Z a-z 0-9 . _ - and starts with a letter or digit; root is the account itself.",
    400,
)
USER_NOT_FOUND = ErrorKind("EntityNotExist.User", "The account has no user of this UserName.", 404)
USER_EXISTS = ErrorKind("EntityAlreadyExists.User", "The account has a user of this UserName.", 409)
USER_HAS_KEYS = ErrorKind("DeleteConflict.User.AccessKey", "Delete the access keys of the user first.", 409)
USER_HAS_POLICIES = ErrorKind("DeleteConflict.User.Policy", "Detach the policies of the user first.", 409)
USER_HAS_LOGIN_PROFILE = ErrorKind("DeleteConflict.User.LoginProfile", "Delete the user's login profile first.", 409)
KEY_NOT_FOUND = ErrorKind("EntityNotExist.User.AccessKey", "There is no such access key of this owner.", 404)
INVALID_KEY_STATUS = ErrorKind("InvalidParameter.Status", "Status is Active or Inactive.", 400)
LOGIN_PROFILE_NOT_FOUND = ErrorKind("EntityNotExist.User.LoginProfile", "The user has no console password.", 404)
LOGIN_PROFILE_EXISTS = ErrorKind(
    "EntityAlreadyExists.User.LoginProfile", "The user has a console password. Delete the login profile first.", 409
)
WEAK_PASSWORD = ErrorKind("InvalidParameter.Password.TooWeak", "A password has 10 to 200 characters.", 400)
INVALID_POLICY_NAME = ErrorKind(
    "InvalidParameter.PolicyName.InvalidChars", "PolicyName has 1 to 128 of A-Z a-z 0-9 -", 400
)
INVALID_POLICY_TYPE = ErrorKind("InvalidParameter.PolicyType", "PolicyType is System or Custom.", 400)
POLICY_NOT_FOUND = ErrorKind("EntityNotExist.Policy", "The account has no policy of this name and type.", 404)
POLICY_EXISTS = ErrorKind("EntityAlreadyExists.Policy", "The account has a policy of this PolicyName.", 409)
MALFORMED_POLICY = ErrorKind("MalformedPolicyDocument", "PolicyDocument cannot take effect as it is written.", 400)
LONG_POLICY = ErrorKind("InvalidParameter.PolicyDocument.Length", "PolicyDocument has at most 6144 characters.", 400)
POLICY_IS_ATTACHED = ErrorKind("DeleteConflict.Policy.User", "Detach the policy from users and roles first.", 409)
ALREADY_ATTACHED = ErrorKind("EntityAlreadyExists.User.Policy", "The policy is attached to the user already.", 409)
NOT_ATTACHED = ErrorKind("EntityNotExist.User.Policy", "The policy is not attached to the user.", 404)
INVALID_MAX_ITEMS = ErrorKind("InvalidParameter.MaxItems", "MaxItems is a number from 1 to 1000.", 400)
