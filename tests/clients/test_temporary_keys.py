"""Every client library signs with a temporary access key and its token (gateway reference §4.6)."""

import pytest
from typer.testing import CliRunner

from skyferry.cli import app
from tests.clients.conftest import AccessKey, application_of
from tests.support.server import ROOT_KEY_ID, ROOT_SECRET, Server
from tests.support.sts import StsClient


@pytest.fixture(scope="module")
def arn(server: Server) -> str:
    """A role that may only look."""
    runner = CliRunner(env=server.command_environment())
    made = runner.invoke(app, ["account", "role", "create", "reader"])
    attached = runner.invoke(app, ["account", "role", "attach", "AliyunIOTReadOnlyAccess", "reader"])
    assert attached.exit_code == 0, attached.output
    return str(made.stdout.strip())


@pytest.fixture
def key(server: Server, arn: str) -> AccessKey:
    """A temporary access key for it."""
    made = StsClient(str(server.http), ROOT_KEY_ID, ROOT_SECRET).assume_role(arn).credentials
    return AccessKey(made.access_key_id, made.access_key_secret, made.security_token)


def test_a_temporary_key_signs(client: str, server: Server, key: AccessKey) -> None:
    with application_of(client, server, key) as application:
        assert application.call("QueryProductList", CurrentPage=1, PageSize=10)["Data"]
        assert application.refusal("CreateProduct", ProductName="not made", NodeType=0) == "NoPermission"


def test_a_token_is_signed(client: str, server: Server, key: AccessKey) -> None:
    with application_of(client, server, key._replace(secret="guessed")) as application:
        code = application.refusal("QueryProductList", CurrentPage=1, PageSize=10)
    assert code in {"SignatureDoesNotMatch", "InvalidAccessKeySecret"}


def test_a_foreign_token_is_refused(client: str, server: Server, key: AccessKey) -> None:
    with application_of(client, server, key._replace(token="CAIS+token/with=chars==")) as application:
        assert application.refusal("QueryProductList", CurrentPage=1, PageSize=10) == "InvalidSecurityToken.Malformed"
