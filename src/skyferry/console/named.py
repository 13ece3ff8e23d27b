"""What the path of a page names."""

from collections.abc import Mapping
from typing import Any

from skyferry.console.page import Page


async def package(page: Page) -> Mapping[str, Any]:
    """The package of a page below `/packages/{firmware_id}`."""
    answer = await page.call("QueryOTAFirmware", FirmwareId=page.name("firmware_id"))
    found: Mapping[str, Any] = answer["FirmwareInfo"]
    return found


async def job(page: Page) -> Mapping[str, Any]:
    """The batch of a page below `/jobs/{job_id}`."""
    found: Mapping[str, Any] = (await page.call("QueryOTAJob", JobId=page.name("job_id")))["Data"]
    return found
