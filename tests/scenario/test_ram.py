"""Users, access keys, passwords and policies through the API, as the service says that the vendor has for them."""

import json
from typing import Any

import pytest

from tests.clients.drivers.tea import TeaClient
from tests.scenario.support import Accounts, Fleet, application
from tests.support.console import Browser

POLICY = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "iot:QueryProduct*", "Resource": "*"}]}


@pytest.mark.rule("CreateUser", "ListUsers", "DeleteUser")
def test_users_are_made_listed_by_name_and_removed(fleet: Fleet) -> None:
    for name in ("ram-b", "ram-a"):
        made = fleet.api.call("CreateUser", UserName=name)["User"]
        assert (made["UserName"], made["CreateDate"][-1]) == (name, "Z")
    assert fleet.api.refusal("CreateUser", UserName="ram-a") == "EntityAlreadyExists.User"
    assert fleet.api.refusal("CreateUser", UserName="no blanks") == "InvalidParameter.UserName.InvalidChars"
    assert fleet.api.refusal("CreateUser", UserName="root") == "InvalidParameter.UserName.InvalidChars"

    first = fleet.api.call("ListUsers", MaxItems=1, Marker="ram-")
    assert [user["UserName"] for user in first["Users"]["User"]] == ["ram-a"]
    assert str(first["IsTruncated"]).lower() == "true"
    rest = fleet.api.call("ListUsers", MaxItems=1, Marker=first["Marker"])
    assert [user["UserName"] for user in rest["Users"]["User"]] == ["ram-b"]
    assert fleet.api.refusal("ListUsers", MaxItems=0) == "InvalidParameter.MaxItems"

    for name in ("ram-a", "ram-b"):
        fleet.api.call("DeleteUser", UserName=name)
    assert fleet.api.refusal("DeleteUser", UserName="ram-a") == "EntityNotExist.User"


@pytest.mark.rule("CreateAccessKey", "ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey", "DeleteUser")
def test_the_secret_of_a_key_is_told_once_and_works_until_the_key_is_off(fleet: Fleet, accounts: Accounts) -> None:
    fleet.api.call("CreateUser", UserName="ram-keys")
    fleet.api.call("AttachPolicyToUser", UserName="ram-keys", PolicyName="AliyunIOTReadOnlyAccess", PolicyType="System")
    key = fleet.api.call("CreateAccessKey", UserName="ram-keys")["AccessKey"]
    given = {"UserName": "ram-keys", "UserAccessKeyId": key["AccessKeyId"]}
    caller = application(TeaClient(str(fleet.server.http), key["AccessKeyId"], key["AccessKeySecret"]))
    assert caller.call("QueryProduct", ProductKey=fleet.product)["Data"]["ProductKey"] == fleet.product
    assert caller.refusal("ListUsers") == "NoPermission"

    listed = fleet.api.call("ListAccessKeys", UserName="ram-keys")
    assert [item["AccessKeyId"] for item in listed["AccessKeys"]["AccessKey"]] == [key["AccessKeyId"]]
    assert key["AccessKeySecret"] not in json.dumps(listed)
    assert key["AccessKeySecret"] not in accounts.command("audit", "--json", "--limit", "20")

    assert fleet.api.refusal("UpdateAccessKey", **given, Status="Off") == "InvalidParameter.Status"
    fleet.api.call("UpdateAccessKey", **given, Status="Inactive")
    assert fleet.api.call("ListAccessKeys", UserName="ram-keys")["AccessKeys"]["AccessKey"][0]["Status"] == "Inactive"
    assert fleet.api.refusal("DeleteUser", UserName="ram-keys") == "DeleteConflict.User.AccessKey"
    fleet.api.call("DeleteAccessKey", **given)
    assert fleet.api.refusal("DeleteAccessKey", **given) == "EntityNotExist.User.AccessKey"
    assert fleet.api.refusal("DeleteUser", UserName="ram-keys") == "DeleteConflict.User.Policy"


@pytest.mark.rule("UpdateAccessKey", "DeleteAccessKey")
def test_a_key_is_changed_by_the_name_of_its_owner_only(fleet: Fleet) -> None:
    fleet.api.call("CreateUser", UserName="ram-owner")
    own = fleet.api.call("ListAccessKeys")["AccessKeys"]["AccessKey"][0]["AccessKeyId"]

    wrong = {"UserName": "ram-owner", "UserAccessKeyId": own}
    assert fleet.api.refusal("DeleteAccessKey", **wrong) == "EntityNotExist.User.AccessKey"
    assert fleet.api.refusal("UpdateAccessKey", **wrong, Status="Inactive") == "EntityNotExist.User.AccessKey"
    assert fleet.api.refusal("CreateAccessKey", UserName="ram-nobody") == "EntityNotExist.User"


@pytest.mark.rule("CreateLoginProfile", "GetLoginProfile", "DeleteLoginProfile", "DeleteUser")
def test_a_password_lets_a_user_sign_in_until_it_is_taken_away(fleet: Fleet, accounts: Accounts) -> None:
    fleet.api.call("CreateUser", UserName="ram-person")
    given = {"UserName": "ram-person", "Password": "correct horse battery"}
    assert fleet.api.refusal("GetLoginProfile", UserName="ram-person") == "EntityNotExist.User.LoginProfile"
    assert fleet.api.refusal("CreateLoginProfile", UserName="ram-person", Password="short") == (
        "InvalidParameter.Password.TooWeak"
    )
    fleet.api.call("CreateLoginProfile", **given)
    assert fleet.api.refusal("CreateLoginProfile", **given) == "EntityAlreadyExists.User.LoginProfile"
    assert fleet.api.call("GetLoginProfile", UserName="ram-person")["LoginProfile"]["UserName"] == "ram-person"
    assert "correct horse" not in accounts.command("audit", "--json", "--limit", "20")

    browser = Browser(fleet.server.http)
    assert browser.sign_in("ram-person@root", "correct horse battery") == 200
    assert fleet.api.refusal("DeleteUser", UserName="ram-person") == "DeleteConflict.User.LoginProfile"
    fleet.api.call("DeleteLoginProfile", UserName="ram-person")
    browser.open("/me")
    assert browser.path == "/sign-in"
    fleet.api.call("DeleteUser", UserName="ram-person")


@pytest.mark.rule("CreatePolicy", "GetPolicy", "ListPolicies", "DeletePolicy")
def test_policies_are_made_read_listed_and_removed(fleet: Fleet) -> None:
    given = {"PolicyName": "ram-policy", "PolicyDocument": json.dumps(POLICY)}
    assert fleet.api.call("CreatePolicy", **given)["Policy"]["PolicyType"] == "Custom"
    assert fleet.api.refusal("CreatePolicy", **given) == "EntityAlreadyExists.Policy"

    told = fleet.api.call("GetPolicy", PolicyName="ram-policy", PolicyType="Custom")
    assert json.loads(told["DefaultPolicyVersion"]["PolicyDocument"]) == POLICY
    assert fleet.api.refusal("GetPolicy", PolicyName="ram-policy", PolicyType="System") == "EntityNotExist.Policy"
    system = fleet.api.call("ListPolicies", PolicyType="System")["Policies"]["Policy"]
    assert [policy["PolicyName"] for policy in system] == ["AliyunIOTFullAccess", "AliyunIOTReadOnlyAccess"]
    own = fleet.api.call("ListPolicies", PolicyType="Custom", Marker="ram-polic", MaxItems=1)["Policies"]["Policy"]
    assert [(policy["PolicyName"], policy["AttachmentCount"]) for policy in own] == [("ram-policy", 0)]

    fleet.api.call("DeletePolicy", PolicyName="ram-policy")
    assert fleet.api.refusal("DeletePolicy", PolicyName="ram-policy") == "EntityNotExist.Policy"
    assert fleet.api.refusal("DeletePolicy", PolicyName="AliyunIOTFullAccess") == "EntityNotExist.Policy"


@pytest.mark.rule("CreatePolicy", "ListPolicies", "GetPolicy")
@pytest.mark.parametrize(
    ("action", "given", "code"),
    [
        (
            "CreatePolicy",
            {"PolicyName": "no blanks", "PolicyDocument": "{}"},
            "InvalidParameter.PolicyName.InvalidChars",
        ),
        ("CreatePolicy", {"PolicyName": "x", "PolicyDocument": "{"}, "MalformedPolicyDocument"),
        ("CreatePolicy", {"PolicyName": "x", "PolicyDocument": "{}"}, "MalformedPolicyDocument"),
        ("CreatePolicy", {"PolicyName": "x", "PolicyDocument": " " * 6_145}, "InvalidParameter.PolicyDocument.Length"),
        ("CreatePolicy", {"PolicyName": "AliyunIOTFullAccess", "PolicyDocument": "{}"}, "EntityAlreadyExists.Policy"),
        ("ListPolicies", {"PolicyType": "Mine"}, "InvalidParameter.PolicyType"),
        ("ListPolicies", {"MaxItems": 1_001}, "InvalidParameter.MaxItems"),
        ("GetPolicy", {"PolicyName": "x", "PolicyType": "Mine"}, "InvalidParameter.PolicyType"),
    ],
)
def test_policies_that_cannot_be_are_refused(fleet: Fleet, action: str, given: dict[str, Any], code: str) -> None:
    assert fleet.api.refusal(action, **given) == code


@pytest.mark.rule("AttachPolicyToUser", "DetachPolicyFromUser", "ListPoliciesForUser", "DeletePolicy")
def test_policies_are_attached_once_and_detached(fleet: Fleet) -> None:
    fleet.api.call("CreateUser", UserName="ram-attached")
    fleet.api.call("CreatePolicy", PolicyName="ram-given", PolicyDocument=json.dumps(POLICY))
    given = {"PolicyName": "ram-given", "PolicyType": "Custom", "UserName": "ram-attached"}
    assert fleet.api.refusal("DetachPolicyFromUser", **given) == "EntityNotExist.User.Policy"
    fleet.api.call("AttachPolicyToUser", **given)
    assert fleet.api.refusal("AttachPolicyToUser", **given) == "EntityAlreadyExists.User.Policy"
    assert fleet.api.refusal("AttachPolicyToUser", **{**given, "PolicyName": "nothing"}) == "EntityNotExist.Policy"

    [policy] = fleet.api.call("ListPoliciesForUser", UserName="ram-attached")["Policies"]["Policy"]
    assert (policy["PolicyName"], policy["PolicyType"]) == ("ram-given", "Custom")
    assert fleet.api.refusal("DeletePolicy", PolicyName="ram-given") == "DeleteConflict.Policy.User"
    fleet.api.call("DetachPolicyFromUser", **given)
    fleet.api.call("DeletePolicy", PolicyName="ram-given")
    fleet.api.call("DeleteUser", UserName="ram-attached")
