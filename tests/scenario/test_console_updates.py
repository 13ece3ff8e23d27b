"""Updates in the console: packages and batches, by forms only."""

import itertools
from collections.abc import Mapping
from urllib.parse import urlencode

import pytest

from tests.scenario.support import Accounts, Fleet
from tests.support.console import Browser
from tests.support.server import Server

_serial = itertools.count(1)
WIZARD: Mapping[str, str] = {"mode": "STATIC", "TargetSelection": "ALL"}


@pytest.fixture(scope="module")
def browser(server: Server) -> Browser:
    """Root, signed in."""
    found = Browser(server.http)
    found.sign_in()
    return found


def added(browser: Browser, fleet: Fleet, **more: str) -> str:
    """A package that was added in the browser; gives its FirmwareId."""
    browser.open(f"/packages/new?product={fleet.product}")
    told = {"FirmwareName": f"console_{next(_serial)}", "DestVersion": "2.0.0", "file_url": fleet.file_url, "do": "add"}
    assert browser.send("/packages/new", **(told | more)) == 200, browser.text
    assert "The package has been added." in browser.text
    return browser.path.rpartition("/")[2]


def made(browser: Browser, firmware: str, **told: str) -> str:
    """A batch that was previewed and made in the browser; gives its JobId."""
    browser.open(f"/packages/{firmware}/update")
    assert browser.send(f"/packages/{firmware}/update", **{**WIZARD, **told}, do="preview") == 200, browser.text
    assert browser.send(f"/packages/{firmware}/update", do="start") == 200, browser.text
    assert "The batch has been made." in browser.text
    return browser.path.rpartition("/")[2]


@pytest.mark.rule("CreateOTAFirmware", "GenerateOTAUploadURL")
def test_a_package_is_added_with_what_was_typed(browser: Browser, fleet: Fleet) -> None:
    firmware = added(browser, fleet, Udi='{"a": 1}', FirmwareDesc="spring", NeedToVerify="true")

    info = fleet.package_info(firmware)
    assert {name: info[name] for name in ("DestVersion", "Udi", "FirmwareDesc", "SignMethod", "Status", "Type")} == {
        "DestVersion": "2.0.0",
        "Udi": '{"a": 1}',
        "FirmwareDesc": "spring",
        "SignMethod": "SHA256",
        "Status": 0,
        "Type": 0,
    }


@pytest.mark.rule("CreateOTAFirmware")
def test_a_package_of_two_files_is_added_row_by_row(browser: Browser, fleet: Fleet) -> None:
    browser.open(f"/packages/new?product={fleet.product}")
    name = f"console_{next(_serial)}"
    browser.send(
        "/packages/new", FirmwareName=name, DestVersion="3.0.0", file_name="first", file_url=fleet.file_url, do="more"
    )
    fields = browser.form("/packages/new")
    assert fields["file_name"] == ["first", ""]
    rows = {"file_name": ["first", "second"], "file_url": [fleet.file_url] * 2}
    assert browser.post("/packages/new", fields | rows | {"do": ["add"]}) == 200

    info = fleet.package_info(browser.path.rpartition("/")[2])
    assert [file["Name"] for file in info["MultiFiles"]] == ["first", "second"]


@pytest.mark.rule("CreateOTAFirmware")
def test_a_refused_package_stays_in_the_form_with_the_sentence_above(browser: Browser, fleet: Fleet) -> None:
    browser.open(f"/packages/new?product={fleet.product}")
    told = {"FirmwareName": "not a name!", "DestVersion": "2.0.0", "file_url": fleet.file_url}

    assert browser.send("/packages/new", **told, do="add") == 400
    assert "RequestId" in browser.text
    assert "iot.firmware." in browser.text
    assert browser.form("/packages/new")["FirmwareName"] == ["not a name!"]


@pytest.mark.rule("ModifyOTAFirmware", "DeleteOTAFirmware")
def test_a_package_is_changed_and_deleted_after_a_look_at_what_it_hits(browser: Browser, fleet: Fleet) -> None:
    firmware = fleet.package(FirmwareUrl=fleet.api.upload(b"for deletion"), FirmwareDesc="old", Udi="old")
    name = f"console_{next(_serial)}"
    browser.open(f"/packages/{firmware}/edit")
    browser.send(f"/packages/{firmware}/edit", FirmwareName=name, FirmwareDesc="new", FirmwareUdi="")
    info = fleet.package_info(firmware)
    assert (info["FirmwareName"], info["FirmwareDesc"], info.get("Udi")) == (name, "new", None)
    assert browser.open(f"/packages/{firmware}/edit") == 200
    assert browser.send(f"/packages/{firmware}/edit", FirmwareName="") == 200, "an absent name stays"
    job = fleet.job(firmware, [fleet.device()])

    browser.open(f"/packages/{firmware}/delete")
    assert "1 file" in browser.text
    assert "1 batch" in browser.text
    assert browser.send(f"/packages/{firmware}/delete") == 400, "its batch has not ended"
    fleet.api.call("CancelOTATaskByJob", JobId=job, CancelQueuedTask=True)
    assert browser.send(f"/packages/{firmware}/delete") == 200
    assert "The package has been deleted." in browser.text
    assert fleet.api.refusal("QueryOTAFirmware", FirmwareId=firmware) == "iot.firmware.FirmwareNotFound"


@pytest.mark.rule("PreviewOTAJob", "CreateOTAStaticUpgradeJob")
def test_a_batch_is_made_only_of_what_was_previewed(browser: Browser, fleet: Fleet) -> None:
    fleet.devices(3)
    firmware = fleet.package()
    browser.open(f"/packages/{firmware}/update")
    assert "Start the batch" not in browser.text

    browser.send(f"/packages/{firmware}/update", **WIZARD, do="preview")
    assert "3 devices will be updated to 2.0.0" in browser.text
    assert browser.send(f"/packages/{firmware}/update", MaximumPerMinute="100", do="start") == 400
    assert "The form has changed since the preview" in browser.text
    assert browser.send(f"/packages/{firmware}/update", do="start") == 200

    info = fleet.api.call("QueryOTAJob", JobId=browser.path.rpartition("/")[2])["Data"]
    assert (info["TargetSelection"], info["MaximumPerMinute"]) == ("ALL", 100)


@pytest.mark.rule("PreviewOTAJob")
def test_versions_that_were_offered_stay_so_that_no_button_moves(browser: Browser, fleet: Fleet) -> None:
    fleet.devices(2)
    firmware = fleet.package()
    browser.open(f"/packages/{firmware}/versions")
    offered = browser.document.xpath("//input[@name='offered']/@value")
    assert offered == ["1.0.0 2"]

    browser.open(f"/packages/{firmware}/update")
    fields = browser.form(f"/packages/{firmware}/update")
    more = {"offered": [*offered, "nonsense", "0.9.0 many"], "SrcVersion": ["1.0.0", "0.8.0"], "do": ["preview"]}
    assert browser.post(f"/packages/{firmware}/update", fields | more) == 200
    boxes = browser.document.xpath("//input[@name='SrcVersion']")
    assert [(box.get("value"), box.get("checked") is not None) for box in boxes] == [("0.8.0", True), ("1.0.0", True)]
    assert browser.document.xpath("//*[@hx-trigger='load']") == []


@pytest.mark.rule("CreateOTARolloutJob", "PreviewOTAJob")
def test_the_wizard_carries_every_option(browser: Browser, fleet: Fleet) -> None:
    fleet.devices(2)
    job = made(
        browser,
        fleet.package(),
        TargetSelection="GRAY",
        GrayPercent="50",
        versions="1.0.0, 0.9.0",
        NeedConfirm="true",
        TimeoutInMinutes="60",
        RetryInterval="10",
        RetryCount="2",
        OverwriteMode="2",
        MaximumPerMinute="500",
        HaltFailurePercent="20",
        stages="10 100",
        window_cron="0 2 * * *",
        window_minutes="60",
        tag_key="season",
        tag_value="spring",
    )

    info = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    names = ("GrayPercent", "NeedConfirm", "TimeoutInMinutes", "RetryInterval", "RetryCount", "OverwriteMode")
    assert [info[name] for name in names] == ["50.00", True, 60, 10, 2, 2]
    assert info["SrcVersions"]["SrcVersion"] == ["1.0.0", "0.9.0"]
    assert info["Tags"]["OtaTagDTO"] == [{"Key": "season", "Value": "spring"}]
    assert fleet.api.call("QueryOTAJobProgress", JobId=job)["Data"]["Stage"] is not None


@pytest.mark.rule("CreateOTADynamicUpgradeJob", "CancelOTAStrategyByJob")
def test_a_dynamic_batch_is_made_and_its_policy_ended(browser: Browser, fleet: Fleet) -> None:
    fleet.device()
    job = made(browser, fleet.package(), mode="DYNAMIC", versions="1.0.0")
    assert fleet.api.call("QueryOTAJob", JobId=job)["Data"]["SelectionType"] == "DYNAMIC"

    browser.open(f"/jobs/{job}/cancel")
    assert "To be pushed: 1 device" in browser.text
    assert browser.send(f"/jobs/{job}/cancel") == 200
    assert "What was ticked has been cancelled." in browser.text
    assert fleet.api.job_status(job) == "CANCELED"
    assert list(fleet.api.states(job).values()) == ["CANCELED"]


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"TimeoutInMinutes": "soon"}, "TimeoutInMinutes"),
        ({"TargetSelection": "SPECIFIC", "names": "nobody"}, "The device nobody does not exist."),
        ({"TargetSelection": "GRAY", "GrayPercent": "101"}, "RequestId"),
        ({"start": "scheduled", "ScheduleTime": "2020-01-01T00:00"}, "RequestId"),
        ({"start": "scheduled", "ScheduleTime": "tomorrow"}, "ScheduleTime"),
        ({"mode": "DYNAMIC"}, "needs source versions, or a dynamic group"),
    ],
)
def test_a_refused_batch_stays_in_the_form(browser: Browser, fleet: Fleet, told: Mapping[str, str], said: str) -> None:
    firmware = fleet.package()
    browser.open(f"/packages/{firmware}/update")

    assert browser.send(f"/packages/{firmware}/update", **{**WIZARD, **told}, do="preview") == 400
    assert said in browser.text
    assert "Start the batch" not in browser.text
    fields = browser.form(f"/packages/{firmware}/update")
    assert {name: fields[name] for name in told} == {name: [value] for name, value in told.items()}


@pytest.mark.rule("PauseOTAJob", "ResumeOTAJob", "CancelOTATaskByJob")
def test_a_batch_is_paused_resumed_and_cancelled(browser: Browser, fleet: Fleet) -> None:
    device = fleet.device()
    job = fleet.job(fleet.package(), [device], NeedConfirm=True)
    browser.open(f"/jobs/{job}")
    browser.send(f"/jobs/{job}/pause", reason="smoke")
    assert "paused by root: smoke" in browser.text
    browser.send(f"/jobs/{job}/resume")
    assert "The batch goes on." in browser.text

    browser.open(f"/jobs/{job}/cancel")
    assert "To be confirmed: 1 device" in browser.text
    assert browser.post(f"/jobs/{job}/cancel", {"form_token": browser.token}) == 400, "nothing is ticked"
    queued = {"form_token": browser.token, "CancelQueuedTask": "true"}
    assert browser.post(f"/jobs/{job}/cancel", queued) == 200
    assert fleet.state(job, device) == "CONFIRM", "only what was ticked"
    browser.open(f"/jobs/{job}/cancel")
    assert browser.send(f"/jobs/{job}/cancel") == 200
    assert fleet.state(job, device) == "CANCELED"
    assert browser.document.xpath("//a[contains(@href, '/cancel')]") == []


@pytest.mark.rule("CreateOTAStaticUpgradeJob", "CancelOTATaskByJob", "GenerateOTAUploadURL")
def test_who_may_only_look_is_offered_no_change_and_refused(server: Server, fleet: Fleet, accounts: Accounts) -> None:
    firmware = fleet.package()
    job = fleet.job(firmware, [fleet.device()])
    accounts.run("user", "create", "onlooker")
    accounts.run("password", "set", "--user", "onlooker", given="onlooker password\n" * 2)
    accounts.run("policy", "attach", "AliyunIOTReadOnlyAccess", "onlooker")
    browser = Browser(server.http)
    browser.sign_in("onlooker@root", "onlooker password")

    for path in (f"/packages/{firmware}", f"/jobs/{job}"):
        browser.open(path)
        assert browser.document.xpath("//main//form[@method='post'] | //main//a[@role='button']") == []
    token = browser.token
    for path in (f"/jobs/{job}/pause", f"/packages/{firmware}/delete", "/packages/new", "/uploads"):
        assert browser.post(path, {"form_token": token}) in {400, 403}
        assert "NoPermission" in browser.response.text


@pytest.mark.rule("GenerateOTAUploadURL", "GenerateDeviceNameListURL")
def test_a_script_gets_tickets_for_uploads(browser: Browser) -> None:
    token = browser.token
    for told, ending in (("package app.TAR.GZ", ".tar.gz"), ("package app.img", ".bin"), ("list names", ".csv")):
        purpose, name = told.split()
        browser.post("/uploads", {"form_token": token, "purpose": purpose, "name": name})
        answer = browser.response.json()
        assert answer["url"].endswith(ending)
        assert set(answer["fields"]) == {"key", "policy", "OSSAccessKeyId", "Signature"}


@pytest.mark.rule("CreateOTAVerifyJob", "ListDevices")
def test_a_package_is_verified_on_a_ticked_device_and_then_offered_to_the_others(
    browser: Browser, fleet: Fleet
) -> None:
    device, other = fleet.device(), fleet.device("device-2", "0.9.0")
    firmware = fleet.package(NeedToVerify=True)
    browser.open(f"/packages/{firmware}")
    assert "Update devices" not in browser.text
    browser.open(f"/packages/{firmware}/verify?version=0.9.0")
    assert [box.get("value") for box in browser.document.xpath("//input[@name='device']")] == [other.name]
    browser.open(f"/packages/{firmware}/verify")
    assert browser.send(f"/packages/{firmware}/verify", TimeoutInMinutes="0", device=device.name) == 400
    assert browser.form(f"/packages/{firmware}/verify")["device"] == [device.name]

    assert browser.send(f"/packages/{firmware}/verify", TimeoutInMinutes="", tag_key="a", tag_value="b") == 200
    assert "The verification has begun." in browser.text
    job = browser.path.rpartition("/")[2]
    assert browser.open(f"/packages/{firmware}/verify") == 200
    fleet.connect(device).say_version("2.0.0")
    fleet.wait_for_state(job, device, "SUCCEEDED")
    browser.open(f"/packages/{firmware}")
    assert "Update devices" in browser.text
    browser.open(f"/jobs/{job}?tab=information")
    assert "Verification" in browser.text


@pytest.mark.rule("UpdateOTAJob", "UpdateOTARollout", "QueryOTARollout")
def test_a_running_batch_is_changed(browser: Browser, fleet: Fleet) -> None:
    fleet.devices(2)
    told = {"HaltFailureCount": 3, "Stage": [10, 100], "Window": [{"Cron": "0 2 * * *", "Minutes": 60}]}
    whole = {"FirmwareId": fleet.package(), "ProductKey": fleet.product, "TargetSelection": "ALL"}
    tags = {"Tag": [{"Key": "season", "Value": "spring"}]}
    job = str(fleet.api.call("CreateOTARolloutJob", **whole, **told, **tags)["Data"]["JobId"])

    browser.open(f"/jobs/{job}/edit")
    assert browser.send(f"/jobs/{job}/edit", MaximumPerMinute="1") == 400
    assert browser.form(f"/jobs/{job}/edit")["MaximumPerMinute"] == ["1"]
    assert browser.send(f"/jobs/{job}/edit", MaximumPerMinute="60") == 200
    info = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    assert (info["MaximumPerMinute"], info["Tags"]["OtaTagDTO"]) == (60, [{"Key": "season", "Value": "spring"}])

    browser.open(f"/jobs/{job}/edit")
    assert browser.send(f"/jobs/{job}/rollout", stages="50 10") == 400
    assert browser.form(f"/jobs/{job}/rollout")["stages"] == ["50 10"]
    assert browser.send(f"/jobs/{job}/rollout", stages="50 100", HaltFailurePercent="20") == 200
    held_back = fleet.api.call("QueryOTARollout", JobId=job)["Data"]
    assert [held_back[name] for name in ("Stages", "HaltFailurePercent", "HaltFailureCount")] == [[50, 100], 20, 3]
    assert held_back["Windows"] == [{"Cron": "0 2 * * *", "Minutes": 60}]
    browser.open(f"/jobs/{job}?tab=information")
    assert all(part in browser.text for part in ("0 2 * * *", "50, 100", "season", "20 %"))


@pytest.mark.rule("UpdateOTAJob", "CreateOTADynamicRolloutJob")
def test_a_dynamic_batch_with_a_halt_is_made_and_changed(browser: Browser, fleet: Fleet) -> None:
    job = made(
        browser,
        fleet.package(),
        mode="DYNAMIC",
        versions="1.0.0",
        HaltFailureCount="5",
        rate="growing",
        RateStart="5",
        RateGrowthPercent="200",
        RateGrowthSuccesses="10",
    )
    held_back = fleet.api.call("QueryOTARollout", JobId=job)["Data"]
    assert (held_back["HaltFailureCount"], held_back["RateStart"]) == (5, 5)

    browser.open(f"/jobs/{job}/edit")
    assert browser.send(f"/jobs/{job}/edit", versions="1.0.0 1.1.0", TimeoutInMinutes="30") == 200
    info = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    assert (info["SrcVersions"]["SrcVersion"], info["TimeoutInMinutes"]) == (["1.0.0", "1.1.0"], 30)


@pytest.mark.rule("ConfirmOTATask", "CancelOTATaskByDevice", "ReupgradeOTATask", "ListOTATaskByJob")
def test_selected_devices_are_confirmed_cancelled_and_updated_again(browser: Browser, fleet: Fleet) -> None:
    devices = fleet.devices(3)
    job = fleet.job(fleet.package(), devices, NeedConfirm=True)
    first, second, third = (device.name for device in devices)

    def do(what: str, *names: str) -> None:
        browser.open(f"/jobs/{job}/tasks?{urlencode([('do', what), *(('device', name) for name in names)])}")

    do("confirm", first, second)
    assert "This hits 2 devices" in browser.text
    assert browser.send(f"/jobs/{job}/tasks", do="confirm") == 200
    do("cancel", second, third)
    browser.send(f"/jobs/{job}/tasks", do="cancel")
    assert fleet.api.states(job) == {first: "QUEUED", second: "CANCELED", third: "CANCELED"}
    do("again", first, second)
    assert "This hits 1 device" in browser.text
    assert "1 selected device is in another state" in browser.text
    browser.send(f"/jobs/{job}/tasks", do="again")
    assert fleet.api.states(job) == {first: "QUEUED", second: "CONFIRM", third: "CANCELED"}
    do("again", first)
    assert "No selected device is in a state for this." in browser.text
    do("again")
    assert "No selected device is in a state for this." in browser.text
    assert browser.open(f"/jobs/{job}/tasks?do=nothing&device={first}") == 404


@pytest.mark.rule("ListOTATaskByJob", "QueryOTAStatistics")
def test_a_batch_tells_why_devices_failed_and_is_saved_as_a_file(browser: Browser, fleet: Fleet) -> None:
    devices = fleet.devices(2)
    job = fleet.job(fleet.package(), devices)
    client = fleet.connect(devices[0])
    client.push()
    client.say_progress(-1, description="no space")
    fleet.wait_for_state(job, devices[0], "FAILED")

    browser.open(f"/jobs/{job}")
    assert "Why updates failed" in browser.text
    assert "no space" in browser.text
    browser.open(f"/jobs/{job}?device={devices[1].name}")
    assert [row.text for row in browser.document.xpath("//tbody/tr/td/a")] == [devices[1].name]
    browser.open(f"/jobs/{job}?format=csv&state=FAILED")
    lines = browser.response.content.decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"{devices[0].name},1.0.0,2.0.0,FAILED,")


@pytest.mark.rule("ListOTATaskByFirmware", "ListOTAJobs")
def test_a_package_shows_its_batches_devices_particulars_and_results(browser: Browser, fleet: Fleet) -> None:
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(firmware, [device])

    browser.open(f"/packages/{firmware}")
    assert browser.document.xpath(f"//button[@data-copy='{job}']"), "CancelOTATaskByDevice needs the batch ID"
    for tab, said in (("devices", device.name), ("information", "SHA256"), ("statistics", "Share of successes")):
        assert browser.open(f"/packages/{firmware}?tab={tab}") == 200
        assert said in browser.text or tab == "information"
    browser.open(f"/packages/{firmware}?tab=devices&state=FAILED")
    assert "No device is like that." in browser.text
