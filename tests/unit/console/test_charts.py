"""What charts are told."""

from zoneinfo import ZoneInfo

from skyferry.console import charts, formats
from skyferry.console.pages.overview import failing_first

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def test_periods_without_endings_are_filled_in() -> None:
    known = {"UtcTime": "1970-01-01T02:00:00Z", "Succeeded": 3, "Failed": 1}

    periods = charts.every_period([known], since_ms=HOUR_MS + 5, until_ms=4 * HOUR_MS, hours=1)

    assert [period["UtcTime"][11:13] for period in periods] == ["01", "02", "03"]
    assert (periods[0]["Succeeded"], periods[1]) == (0, known)
    assert len(charts.every_period([], since_ms=DAY_MS // 2, until_ms=2 * DAY_MS, hours=24)) == 2


def test_hours_stand_in_the_persons_zone_and_days_in_utc() -> None:
    formats.zone.set(ZoneInfo("Asia/Shanghai"))

    assert charts.label("2026-11-27T20:00:00Z", hours=1) == "04:00"
    assert charts.label("2026-11-27T00:00:00Z", hours=24) == "11-27"
    formats.zone.set(None)


def test_a_legend_names_what_a_chart_tells_apart_by_colour() -> None:
    ring = charts.donut([("Succeeded", 3, "var(--good)"), ("Failed", 1, "var(--bad)")])
    periods = charts.outcomes([{"Succeeded": 3, "Failed": 1}], ["04:00"])

    wanted = [("Succeeded", "var(--good)"), ("Failed", "var(--bad)")]
    assert list(charts.legend(ring)) == list(charts.legend(periods)) == wanted
    assert list(charts.legend(charts.bars([("1.0.0", 3)]))) == []


def test_the_worst_batches_come_first() -> None:
    jobs = {
        "untouched": {"QUEUED": 5},
        "large": {"QUEUED": 50, "SUCCEEDED": 10},
        "bad": {"SUCCEEDED": 1, "FAILED": 1},
        "worst": {"FAILED": 1},
    }

    assert sorted(jobs, key=lambda name: failing_first(jobs[name])) == ["worst", "bad", "large", "untouched"]
