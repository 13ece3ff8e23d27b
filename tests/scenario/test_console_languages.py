"""What the console's pages say of refused calls to who reads Chinese."""

import pytest

from skyferry import error_codes
from tests.scenario.support import Accounts, Fleet
from tests.support.console import Browser
from tests.support.server import Server


@pytest.fixture
def browser(server: Server) -> Browser:
    """A browser that asks for Chinese, in which nobody has signed in."""
    made = Browser(server.http)
    made.session.headers["Accept-Language"] = "zh-CN,zh;q=0.9,en;q=0.5"
    return made


def problem(browser: Browser) -> str:
    """What the page says of the refusal, its blanks folded."""
    (found,) = browser.document.xpath("//*[contains(@class, 'problem')]/p[1] | //*[@role='alert']")
    return " ".join(found.text_content().split())


def detail(browser: Browser) -> list[str]:
    """What stands there in English."""
    return [str(text) for text in browser.document.xpath("//*[@class='detail' and @lang='en']/text()")]


@pytest.mark.rule("CreateProduct")
def test_a_refused_form_says_it_in_chinese(browser: Browser) -> None:
    browser.sign_in()
    browser.open("/products/new")

    assert browser.send("/products/new", ProductName="no") == 400
    assert problem(browser).startswith("ProductName 为 4~30 个字符")
    assert "iot.prod.InvalidFormattedProductName · RequestId" in problem(browser)
    assert detail(browser) == []
    assert error_codes.INVALID_FORMATTED_PRODUCT_NAME.text not in browser.text


@pytest.mark.rule("ListDevices")
def test_what_concerns_the_very_call_stands_below_in_english(browser: Browser) -> None:
    browser.sign_in()

    assert browser.open("/devices?where=no_field+%3D+1") == 400
    assert problem(browser).startswith("字段不存在。")
    assert "iot.devicesearch.InvalidSQLFieldError · RequestId" in problem(browser)
    assert len(detail(browser)) == 1
    assert "no_field is no field of a device" in detail(browser)[0]


@pytest.mark.rule("QueryProductList")
def test_a_refused_page_and_a_refused_part_of_a_page_say_it_in_chinese(
    browser: Browser, accounts: Accounts, fleet: Fleet
) -> None:
    accounts.run("user", "create", "chinese-reader")
    accounts.run("password", "set", "--user", "chinese-reader", given="reader password\n" * 2)
    browser.sign_in("chinese-reader@root", "reader password")

    assert browser.open(f"/products/{fleet.product}") == 403
    assert problem(browser).startswith("您没有执行该操作的权限")
    assert "NoPermission · RequestId" in problem(browser)

    browser.session.headers["HX-Request"] = "true"
    browser.open(f"/products/{fleet.product}")
    assert "您没有执行该操作的权限" in browser.text
    assert "NoPermission" in browser.text
