"""The form for a batch, as parameters of the operations that preview and make one."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from multidict import MultiDictProxy

from skyferry.console import reading

DYNAMIC: Final = "DYNAMIC"
_OPTIONS: Final = ("TimeoutInMinutes", "DownloadProtocol", "MaximumPerMinute", "OverwriteMode", "RetryInterval")
_RATE: Final = ("RateStart", "RateGrowthPercent", "RateGrowthSuccesses")
_HALT: Final = ("HaltFailurePercent", "HaltFailureCount")
_ROWS: Final = 2
_LATER: Final = frozenset({"do", "previewed", "form_token", "offered"})
_OFFERED: Final = re.compile(r"(\S{1,64}) (\d{1,9})", re.ASCII)


def static_parameters(form: MultiDictProxy[str]) -> Mapping[str, Any]:
    """The parameters of CreateOTAStaticUpgradeJob: of the scope only what goes with it."""
    scope = _text(form, "TargetSelection")
    told: dict[str, Any] = {"TargetSelection": scope, **_options(form)}
    if scope == "SPECIFIC":
        told["TargetDeviceName"] = reading.words(form.get("names", ""))
        told["DnListFileUrl"] = _text(form, "DnListFileUrl")
    elif scope == "GROUP":
        told |= {"GroupId": _text(form, "GroupId"), "GroupType": "LINK_PLATFORM"}
    else:
        told["SrcVersion"] = _src_versions(form)
    if scope == "GRAY":
        told["GrayPercent"] = _text(form, "GrayPercent")
    if _text(form, "start") == "scheduled":
        told["ScheduleTime"] = reading.moment(_text(form, "ScheduleTime"))
        told["ScheduleFinishTime"] = reading.moment(_text(form, "ScheduleFinishTime"))
    return told


def dynamic_parameters(form: MultiDictProxy[str]) -> Mapping[str, Any]:
    """The parameters of CreateOTADynamicUpgradeJob."""
    told: dict[str, Any] = {"DynamicMode": _text(form, "DynamicMode"), **_options(form)}
    if _text(form, "DynamicGroupId"):
        return told | {"GroupId": _text(form, "DynamicGroupId"), "GroupType": "LINK_PLATFORM_DYNAMIC"}
    return told | {"SrcVersion": _src_versions(form)}


def verify_parameters(form: MultiDictProxy[str]) -> Mapping[str, Any]:
    """The parameters of CreateOTAVerifyJob."""
    return {
        "TargetDeviceName": list(dict.fromkeys([*form.getall("device", []), *reading.words(form.get("names", ""))])),
        "TimeoutInMinutes": _text(form, "TimeoutInMinutes"),
        "DownloadProtocol": _text(form, "DownloadProtocol"),
        "NeedPush": reading.is_set(form, "NeedPush"),
        "NeedConfirm": reading.is_set(form, "NeedConfirm"),
        "Tag": tags(form),
    }


def controls(form: MultiDictProxy[str], *, dynamic: bool) -> Mapping[str, Any]:
    """What holds the batch back, as parameters of CreateOTARolloutJob; empty when nothing does."""
    told: dict[str, Any] = {name: _text(form, name) for name in _HALT if _text(form, name)}
    if told:
        told["HaltMinimumExecuted"] = _text(form, "HaltMinimumExecuted")
    stages = reading.words(form.get("stages", "").replace("%", " "))
    if stages and not dynamic:
        told |= {"Stage": stages, "StageSuccessPercent": _text(form, "StageSuccessPercent")}
    windows = reading.rows(form, "window_cron", "window_minutes")
    if windows:
        told["Window"] = [{"Cron": cron, "Minutes": minutes} for cron, minutes in windows]
        told["WindowTimeZone"] = _text(form, "WindowTimeZone")
    if _text(form, "rate") == "growing":
        told |= {name: _text(form, name) for name in _RATE}
    return told


def tags(form: MultiDictProxy[str]) -> list[Mapping[str, str]]:
    """The tags of the batch."""
    return [{"Key": key, "Value": value} for key, value in reading.rows(form, "tag_key", "tag_value")]


def of(package: Mapping[str, Any]) -> Mapping[str, str]:
    """The parameters that name a package."""
    return {"FirmwareId": package["FirmwareId"], "ProductKey": package["ProductKey"]}


def table(values: MultiDictProxy[str], *names: str) -> Sequence[Sequence[str]]:
    """The rows of fields that were filled in, and empty ones to go on."""
    filled = reading.rows(values, *names)
    return [*filled, *[("",) * len(names)] * max(1, _ROWS - len(filled))]


def digest(form: MultiDictProxy[str]) -> str:
    """What a preview was made of: another one when anything of the form has changed since."""
    told = sorted((name, value) for name, value in form.items() if value and name not in _LATER)
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def offered(form: MultiDictProxy[str]) -> Sequence[tuple[str, int]]:
    """The versions that the page has offered already, with so many devices each: the next page shows them at once."""
    found = (_OFFERED.fullmatch(text) for text in form.getall("offered", []))
    return [(match[1], int(match[2])) for match in found if match]


def is_dynamic(form: MultiDictProxy[str]) -> bool:
    """Whether the batch goes on to look for devices."""
    return form.get("mode") == DYNAMIC


def has_policy(form: MultiDictProxy[str]) -> bool:
    """Whether a dynamic batch is told for which devices it is."""
    return bool(_text(form, "DynamicGroupId") or _src_versions(form))


def _options(form: MultiDictProxy[str]) -> dict[str, Any]:
    told: dict[str, Any] = {name: _text(form, name) for name in _OPTIONS}
    if told["RetryInterval"]:
        told["RetryCount"] = _text(form, "RetryCount")
    return told | {
        "NeedPush": reading.is_set(form, "NeedPush"),
        "NeedConfirm": reading.is_set(form, "NeedConfirm"),
        "MultiModuleMode": reading.is_set(form, "MultiModuleMode"),
        "Tag": tags(form),
    }


def _src_versions(form: MultiDictProxy[str]) -> list[str]:
    """The versions whose boxes are ticked, and those that were typed."""
    ticked = [version for version in form.getall("SrcVersion", []) if version]
    return list(dict.fromkeys([*ticked, *reading.words(form.get("versions", ""))]))


def _text(form: MultiDictProxy[str], name: str) -> str:
    return form.get(name, "").strip()
