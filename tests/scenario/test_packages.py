"""Packages: what may be made of an upload, and what is told of it (control-plane reference §4.1, §4.4, §4.5)."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.scenario.support import Fleet
from tests.support.api import BusinessError, items, root
from tests.support.server import Server

CONTENT = b"new firmware"
MD5, SHA256 = hashlib.md5(CONTENT).hexdigest(), hashlib.sha256(CONTENT).hexdigest()
PREFIX = "iot.firmware."


def refusal(fleet: Fleet, **parameters: Any) -> str:
    given = {
        "ProductKey": fleet.product,
        "FirmwareName": f"refused{fleet.product}",
        "DestVersion": "9.9.9",
        "FirmwareUrl": fleet.file_url,
    }
    given |= parameters
    code = fleet.api.refusal("CreateOTAFirmware", **{name: value for name, value in given.items() if value is not None})
    return code.removeprefix(PREFIX)


@pytest.mark.rule("CreateOTAFirmware")
def test_a_package_needs_verification_unless_told_otherwise(fleet: Fleet) -> None:
    """§4.1 (NeedToVerify), §4.5 (Status 0 and -1)."""
    wanted = fleet.package("2.0.0", NeedToVerify=True)
    waived = fleet.package("3.0.0", NeedToVerify=False)

    assert [fleet.package_info(firmware)["Status"] for firmware in (wanted, waived)] == [0, -1]
    assert fleet.package_info(wanted)["VerifyProgress"] == 0


@pytest.mark.rule("CreateOTAFirmware")
def test_size_and_digest_default_to_those_of_the_upload(fleet: Fleet) -> None:
    """§4.1 (FirmwareSize, FirmwareSign)."""
    info = fleet.package_info(fleet.package())

    assert (info["FirmwareSize"], info["FirmwareSign"], info["SignMethod"]) == (len(CONTENT), MD5, "MD5")


@pytest.mark.rule("CreateOTAFirmware")
def test_a_package_can_be_signed_with_sha256(fleet: Fleet) -> None:
    """§4.1 (SignMethod)."""
    info = fleet.package_info(fleet.package(SignMethod="SHA256", FirmwareSign=SHA256.upper()))

    assert (info["FirmwareSign"], info["SignMethod"]) == (SHA256, "SHA256")


@pytest.mark.rule("CreateOTAFirmware")
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"FirmwareName": "-begins badly"}, "IncorrectFormattedFirmwareName"),
        ({"FirmwareName": "x" * 41}, "IncorrectFormattedFirmwareName"),
        ({"FirmwareName": "   "}, "BlankFirmwareName"),
        ({"DestVersion": "1.0 beta"}, "IncorrectFormattedFirmwareVersion"),
        ({"DestVersion": "1" * 65}, "IncorrectFormattedFirmwareVersion"),
        ({"Type": 1}, "SrcVersionIsMandatory"),
        ({"Type": 1, "SrcVersion": "9.9.9"}, "SrcDestVersionMatched"),
        ({"SrcVersion": "a b"}, "IncorrectFormattedSrcVersion"),
        ({"Type": 2}, "InvalidFirmwareType"),
        ({"SignMethod": "CRC32"}, "InvalidFirmwareSignMethod"),
        ({"FirmwareSign": "0" * 32}, "InvalidFirmwareSign"),
        ({"FirmwareSign": MD5, "SignMethod": "SHA256"}, "InvalidFirmwareSign"),
        ({"FirmwareSize": 1}, "InvalidFirmwareSize"),
        ({"FirmwareDesc": "d" * 101}, "FirmwareDescriptionExceedMaxLength"),
        ({"FirmwareUrl": None}, "NullFirmwareUrl"),
        ({"FirmwareUrl": "no url"}, "MalformedFirmwareUrl"),
        ({"FirmwareUrl": "http://elsewhere.test/ota/file.bin"}, "InvalidFirmwareUrl"),
        ({"ModuleName": "a module"}, "IncorrectFormattedModuleName"),
        ({"Udi": "u" * 4_097}, "iot.common.InvalidFormattedParameter"),
        ({"ProductKey": "a1NoSuchKey"}, "iot.prod.NotExistedProduct"),
    ],
    ids=str,
)
def test_a_bad_value_has_its_documented_code(fleet: Fleet, parameters: dict[str, Any], code: str) -> None:
    """§4.1, §8.2."""
    assert refusal(fleet, **parameters) == code


@pytest.mark.rule("CreateOTAFirmware")
@pytest.mark.parametrize("name", ["x" * 40, "固件", "ファーム", "7-up_(2)"])
def test_a_name_may_be_chinese_english_or_japanese(fleet: Fleet, name: str) -> None:
    """§4.1 (FirmwareName)."""
    firmware = fleet.package(FirmwareName=f"{name[:-9]}{fleet.product[:9]}" if len(name) > 9 else name)

    assert fleet.package_info(firmware)["DestVersion"] == "2.0.0"


@pytest.mark.rule("CreateOTAFirmware")
def test_a_description_counts_characters(fleet: Fleet) -> None:
    """§4.1: a Chinese character counts one."""
    firmware = fleet.package(FirmwareDesc="固" * 100, Udi="u" * 4_096)

    assert fleet.package_info(firmware)["FirmwareDesc"] == "固" * 100
    assert len(fleet.package_info(firmware)["Udi"]) == 4_096


@pytest.mark.rule("CreateOTAFirmware")
def test_a_version_is_unique_in_its_product_and_a_name_in_the_account(fleet: Fleet) -> None:
    """§4.1, §8.2."""
    name = fleet.package_info(fleet.package("2.0.0"))["FirmwareName"]
    other = fleet.api.create_product(f"other_{fleet.product}")

    assert refusal(fleet, DestVersion="2.0.0") == "AlreadyExistedFirmwareVersion"
    assert refusal(fleet, FirmwareName=name) == "AlreadyExistedFirmwareName"
    assert refusal(fleet, FirmwareName=name, ProductKey=other) == "AlreadyExistedFirmwareName"
    assert fleet.package("2.0.0", ProductKey=other)


@pytest.mark.rule("CreateOTAFirmware")
def test_the_files_of_a_package_have_names_of_their_own(fleet: Fleet) -> None:
    """§4.1 (MultiFiles)."""
    url = fleet.file_url

    def refused(*files: dict[str, Any], single: str | None = None) -> str:
        return refusal(fleet, FirmwareUrl=single, MultiFiles=list(files))

    twice = [{"Name": "same", "Url": url}, {"Name": "same", "Url": url}]
    many = [{"Name": f"file{number}", "Url": url} for number in range(21)]
    assert refused(*twice) == "iot.common.InvalidFormattedParameter"
    assert refused({"Url": url}) == "iot.common.InvalidFormattedParameter"
    assert refused({"Name": "n" * 33, "Url": url}) == "iot.common.InvalidFormattedParameter"
    assert refused(*many) == "ParameterSizeExceedMax"
    assert refused({"Name": "file"}) == "NullFirmwareUrl"
    assert refused({"Name": "file", "Url": url, "FileMd5": "0" * 32}) == "InvalidFirmwareSign"
    assert refused({"Name": "file", "Url": url}, single=url) == "InvalidFirmwareUrl"


@pytest.mark.rule("CreateOTAFirmware", "QueryOTAFirmware")
def test_a_package_has_up_to_twenty_files(fleet: Fleet) -> None:
    """§4.1 (MultiFiles), §4.5: with several files, size, digest and URL are those of each file."""
    contents = [f"part {number}".encode() for number in range(20)]
    given = [
        {
            "Name": f"part-{number}.bin",
            "Url": fleet.api.upload(content),
            "Size": len(content),
            "FileMd5": hashlib.md5(content).hexdigest(),
            "SignValue": hashlib.sha256(content).hexdigest(),
        }
        for number, content in enumerate(contents)
    ]

    info = fleet.package_info(fleet.package(MultiFiles=given, SignMethod="SHA256"))

    assert not {"FirmwareUrl", "FirmwareSize", "FirmwareSign"} & set(info)
    assert [{**file, "Url": ""} for file in info["MultiFiles"]] == [{**file, "Url": ""} for file in given]
    assert [requests.get(file["Url"], timeout=30).content for file in info["MultiFiles"]] == contents


@pytest.mark.rule("ListOTAFirmware", "QueryOTAFirmware")
def test_only_a_differential_package_tells_its_source_version(fleet: Fleet) -> None:
    """§4.4, §4.5 (SrcVersion)."""
    full = fleet.package("2.0.0", SrcVersion="1.0.0")
    differential = fleet.package("3.0.0", SrcVersion="1.0.0", Type=1)

    listed = fleet.api.call("ListOTAFirmware", ProductKey=fleet.product, CurrentPage=1, PageSize=10)["FirmwareInfo"]
    told = {row["FirmwareId"]: (row["Type"], row.get("SrcVersion")) for row in items(listed, "SimpleFirmwareInfo")}

    assert told == {full: (0, None), differential: (1, "1.0.0")}
    assert "SrcVersion" not in fleet.package_info(full)
    assert fleet.package_info(differential)["SrcVersion"] == "1.0.0"


@pytest.mark.rule("ListOTAFirmware")
def test_a_list_tells_what_a_package_is(fleet: Fleet) -> None:
    """§4.4: every field."""
    firmware = fleet.package(FirmwareDesc="first", SignMethod="SHA256", ModuleName="MCU", NeedToVerify=True)
    info = fleet.package_info(firmware)

    [row] = items(
        fleet.api.call("ListOTAFirmware", ProductKey=fleet.product, CurrentPage=1, PageSize=10)["FirmwareInfo"],
        "SimpleFirmwareInfo",
    )

    name = fleet.api.call("QueryProduct", ProductKey=fleet.product)["Data"]["ProductName"]
    assert row == {
        "FirmwareId": firmware,
        "FirmwareName": info["FirmwareName"],
        "FirmwareDesc": "first",
        "FirmwareSign": SHA256,
        "FirmwareSize": len(CONTENT),
        "SignMethod": "SHA256",
        "DestVersion": "2.0.0",
        "ModuleName": "MCU",
        "ProductKey": fleet.product,
        "ProductName": name,
        "Status": 0,
        "Type": 0,
        "UtcCreate": info["UtcCreate"],
        "UtcModified": info["UtcModified"],
    }
    assert requests.get(info["FirmwareUrl"], timeout=30).content == CONTENT


@pytest.mark.rule("CreateOTAFirmware", "DeleteOTAFirmware")
def test_an_instance_has_as_many_packages_as_the_operator_allows(tmp_path: Path) -> None:
    """§4.1 (limit), §4.3: a deleted package makes room for another."""
    with Server(tmp_path, {"SKYFERRY_MOST_PACKAGES": "2"}) as server:
        api = root(server.http)
        product, url = api.create_product("limited"), api.upload(CONTENT)

        def create(number: int) -> str:
            parameters = {"ProductKey": product, "FirmwareName": f"n{number}", "DestVersion": f"1.{number}"}
            made = api.call("CreateOTAFirmware", **parameters, FirmwareUrl=url)
            return str(made["Data"]["FirmwareId"])

        made = [create(number) for number in range(2)]
        with pytest.raises(BusinessError) as caught:
            create(2)
        assert caught.value.code == "iot.firmware.FirmwareCountExceedMax"

        api.call("DeleteOTAFirmware", FirmwareId=made[0])
        create(2)


@pytest.mark.rule("ListOTAFirmware")
def test_packages_are_listed_newest_first_and_filtered(fleet: Fleet) -> None:
    """§4.4."""
    made = [fleet.package(f"2.0.{number}") for number in range(3)]

    def listed(**more: Any) -> tuple[list[str], int, int]:
        answer = fleet.api.call("ListOTAFirmware", ProductKey=fleet.product, **more)
        rows = items(answer["FirmwareInfo"], "SimpleFirmwareInfo")
        return [row["FirmwareId"] for row in rows], answer["Total"], answer["PageCount"]

    assert listed(CurrentPage=1, PageSize=2) == ([made[2], made[1]], 3, 2)
    assert listed(CurrentPage=2, PageSize=2) == ([made[0]], 3, 2)
    assert listed(CurrentPage=1, PageSize=10, DestVersion="2.0.1") == ([made[1]], 1, 1)
    assert listed(CurrentPage=9, PageSize=100) == ([], 3, 1)
    for page in ({"CurrentPage": 0, "PageSize": 10}, {"CurrentPage": 1, "PageSize": 101}):
        code = fleet.api.refusal("ListOTAFirmware", ProductKey=fleet.product, **page)
        assert code == "iot.common.InvalidPageParams"


@pytest.mark.rule("QueryOTAFirmware")
def test_an_unknown_package_is_told(fleet: Fleet) -> None:
    """§8.2."""
    assert fleet.api.refusal("QueryOTAFirmware", FirmwareId="x" * 26) == "iot.firmware.FirmwareNotFound"


@pytest.mark.rule("GenerateOTAUploadURL")
@pytest.mark.parametrize("suffix", ["bin", "dav", "apk", "tar", "gz", "tar.gz", "zip", "gzip"])
def test_a_ticket_names_the_form_and_the_file(fleet: Fleet, suffix: str) -> None:
    """§3.1."""
    ticket = fleet.api.call("GenerateOTAUploadURL", FileSuffix=suffix)["Data"]

    assert ticket["FirmwareUrl"] == f"{ticket['Host']}/{ticket['Key']}"
    assert ticket["Key"].endswith(f".{suffix}")
    assert ticket["ObjectStorage"] == "OSS"
    assert all(ticket[name] for name in ("Policy", "OSSAccessKeyId", "Signature", "UtcCreate"))


@pytest.mark.rule("GenerateOTAUploadURL")
def test_a_ticket_for_another_suffix_is_refused(fleet: Fleet) -> None:
    """§3.1, §8.2."""
    code = fleet.api.refusal("GenerateOTAUploadURL", FileSuffix="exe")

    assert code == "iot.firmware.InvalidGenerateOTAUploadURLParam"
