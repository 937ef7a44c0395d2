"""python -m cloud_sync cost: the bill, against cases calculated by hand."""

import datetime
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cloud_template import Stack

from cloud_sync.__main__ import COMMANDS
from cloud_sync.cloud.cli import PRICES
from cloud_sync.cloud.costs import Fleet, Line, Price, Prices, first_fill, monthly
from cloud_sync.configuration import CloudSyncConfiguration
from components.core.errors import ConfigurationError, FormatError

ROOT = Path(__file__).parents[1]
LIST = Prices.from_json(PRICES.read_text())
QUIET = Fleet(devices=1, matches_per_day=0, updates_per_day=0, items=0, status_interval_s=1e12, poll_interval_s=1e12)
ORDINARY = Fleet(devices=500, matches_per_day=2_000, updates_per_day=0.2, items=100_000)
# 4,000 events in 12 hours, of which 10 come together: the first, and nine in 97.2 s
TOGETHER = replace(ORDINARY, gather_s=97.2)


def bill(fleet: Fleet) -> dict[str, Line]:
    return {line.what: line for line in monthly(fleet, LIST)}


def test_device_that_does_nothing_costs_its_core_and_its_connection() -> None:
    lines = bill(replace(QUIET, devices=100))
    assert lines["Greengrass: devices"].usd == pytest.approx(16.0)
    # 100 devices * 30 days * 1,440 minutes = 4.32 million minutes, at 8 cents
    assert lines["IoT: connection"].usd == pytest.approx(4.32 * 0.08)
    # one report a day: 3,000 operations, at 1.25 a million
    assert lines["IoT: shadow"].usd == pytest.approx(0.00375)
    assert sum(line.usd for line in lines.values()) == pytest.approx(16.0 + 0.3456 + 0.00375 + 0.003 + 0.00675)


def test_matches_are_messages_rules_actions_objects_and_items() -> None:
    lines = bill(TOGETHER)
    # 500 * 30 * 2,000 matches * 2 events / 10 = 6 million batches of 3,650 bytes
    assert lines["IoT: matches"].quantity == pytest.approx(6e6)
    assert lines["IoT: acknowledgements"].quantity == pytest.approx(6e6)
    assert lines["IoT: matches"].usd == pytest.approx(6.0)
    assert lines["IoT: rules"].quantity == pytest.approx(12e6)
    assert lines["IoT: rules' actions"].quantity == pytest.approx(18e6)
    assert lines["S3: matches, written"].usd == pytest.approx(30.0)
    # 4 KB each
    assert lines["DynamoDB: matches, written"].usd == pytest.approx(24 * 0.625)
    # 200,000 batches a day: 0.73 GB, for 400 and for 30 days
    assert lines["S3: matches, kept"].usd == pytest.approx(292 * 0.023)
    assert lines["DynamoDB: matches, kept"].usd == pytest.approx(21.9 * 0.25)


def test_matches_that_wait_longer_travel_in_fewer_batches_until_these_are_full() -> None:
    # An event every 10.8 s: the first of a batch, and what comes in the 60 s that it waits.
    assert ORDINARY.events_per_batch == pytest.approx(1 + 60 / 10.8)
    assert bill(ORDINARY)["S3: matches, written"].usd == pytest.approx(300 / (1 + 60 / 10.8))
    assert replace(ORDINARY, gather_s=3_600).events_per_batch == 11, "of 350 bytes, in 4,070"
    assert replace(ORDINARY, gather_s=0).events_per_batch == 1
    assert replace(ORDINARY, event_bytes=9_000).events_per_batch == 1


def test_event_beyond_five_kilobytes_is_two_messages() -> None:
    lines = bill(replace(ORDINARY, event_bytes=5_000))
    assert lines["IoT: matches"].quantity == 2 * lines["IoT: acknowledgements"].quantity


def test_settings_of_a_fleet_are_those_of_its_devices() -> None:
    for name in ("gather_s", "poll_interval_s", "status_interval_s"):
        assert getattr(ORDINARY, name) == getattr(CloudSyncConfiguration(), name)


def test_polls_and_updates_are_gets_and_transfer() -> None:
    lines = bill(ORDINARY)
    # 500 * 30 * 288 polls, of two objects
    assert lines["S3: polls"].quantity == 8.64e6
    assert lines["S3: polls"].usd == pytest.approx(3.456)
    # 500 * 6 updates of 50 items: 8 objects and 50 thumbnails
    assert lines["S3: updates"].quantity == 3_000 * 58
    # 20,000 + 50 * (504 + 8,000) + one in 200 fresh: 100,000 * 504 / 200
    assert lines["S3: updates, transfer"].quantity == pytest.approx(3_000 * (20_000 + 425_200 + 252_000) / 1e9)


def test_first_fill_is_the_whole_index_for_every_device() -> None:
    transfer, fetched = first_fill(ORDINARY, LIST)
    assert transfer.quantity == pytest.approx(500 * 100_000 * 8_504 / 1e9)
    assert transfer.usd == pytest.approx(425.2 * 0.09)
    assert fetched.usd == pytest.approx(500 * 100_004 * 0.0004 / 1_000)


def test_bill_grows_in_step_with_the_fleet_but_for_the_index() -> None:
    one, ten = bill(replace(ORDINARY, devices=500)), bill(replace(ORDINARY, devices=5_000))
    for what in one:
        factor = 1 if what.startswith("S3: index") else 10
        assert ten[what].usd == pytest.approx(factor * one[what].usd), what


def test_fleet_keeps_events_as_long_as_the_template_does() -> None:
    defaults = {name: one["Default"] for name, one in Stack().document["Parameters"].items()}
    assert (ORDINARY.keep_events_days, ORDINARY.keep_table_days) == (
        defaults["KeepEventsDays"],
        defaults["KeepTableDays"],
    )


def test_price_list_says_of_when_where_and_from_where_it_is() -> None:
    assert datetime.date.fromisoformat(LIST.date) <= datetime.date.today()
    assert (LIST.region, LIST.currency) == ("us-east-1", "USD")
    assert all(price.source.startswith("https://aws.amazon.com/") and price.usd > 0 for price in LIST.of.values())
    used = {line.unit for line in (*monthly(ORDINARY, LIST), *first_fill(ORDINARY, LIST))}
    assert used == {price.unit for price in LIST.of.values()}, "no price that is not used"


def listed(**price: object) -> str:
    one = {"usd": 1, "per": 1, "unit": "device", "source": "https://aws.amazon.com/", **price}
    return json.dumps({"date": "2025-06-01", "region": "x", "currency": "USD", "note": "", "prices": {"one": one}})


def test_price_list_without_a_price_that_is_needed_is_refused() -> None:
    with pytest.raises(FormatError, match="has no 'greengrass_device': change a copy"):
        monthly(ORDINARY, Prices.from_json(listed()))


WRONG_LISTS = ["", "[]", "{}", '{"prices": {"a": {}}}', '{"prices": {"a": {"usd": 1}}}']
WRONG_PRICES = [{"usd": "1"}, {"usd": -1}, {"usd": math.nan}, {"usd": None}, {"per": 0}, {"per": "x"}]


@pytest.mark.parametrize("wrong", WRONG_LISTS + [listed(**price) for price in WRONG_PRICES])
def test_what_is_no_price_list_is_refused(wrong: str) -> None:
    with pytest.raises(FormatError, match="price list cannot be read"):
        Prices.from_json(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"devices": 0},
        {"matches_per_day": -1},
        {"poll_interval_s": 0},
        {"items": 10**13},
        {"event_bytes": -1},
        {"open_hours": 25},
    ],
)
def test_number_that_no_fleet_has_is_refused(wrong: dict[str, int]) -> None:
    (name,) = wrong
    with pytest.raises(ConfigurationError, match=f"--{name.replace('_', '-')} is"):
        replace(ORDINARY, **wrong)  # type: ignore[arg-type]


def test_price_is_for_so_many_units() -> None:
    prices = replace(LIST, of={**LIST.of, "iot_message": Price(3.0, 1_000, "message", "https://example.com")})
    lines = {line.what: line for line in monthly(TOGETHER, prices)}
    assert lines["IoT: matches"].usd == pytest.approx(18_000.0)


def cost(*arguments: str) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "cloud_sync", "cost", *arguments]
    return subprocess.run(line, check=False, capture_output=True, text=True, cwd=ROOT)


NEEDED = ("--devices", "500", "--matches-per-day", "2000", "--updates-per-day", "0.2", "--items", "100000")


def test_command_prints_the_lines_their_sum_and_of_when_the_prices_are() -> None:
    said = cost(*NEEDED).stdout
    total = sum(line.usd for line in monthly(ORDINARY, LIST))
    assert f"\n{total:,.2f} USD a month, {total / 500:,.2f} for each of 500 devices.\n" in said
    assert f"Prices of {LIST.date}, {LIST.region}." in said
    for line in monthly(ORDINARY, LIST):
        assert line.what in said
    as_json = json.loads(cost(*NEEDED, "--json").stdout)
    assert as_json["total_usd"] == pytest.approx(total, abs=0.01)
    assert len(as_json["monthly"]) == len(monthly(ORDINARY, LIST))


def test_command_says_in_one_sentence_what_it_cannot_use(tmp_path: Path) -> None:
    for arguments in (("--devices", "-5"), ("--prices", str(tmp_path / "none.json")), ("--items", "1e5")):
        ended = cost(*NEEDED, *arguments)
        assert ended.returncode in (1, 2)
        assert "Traceback" not in ended.stderr
        assert "error: " in ended.stderr


def test_unknown_command_is_refused_with_those_that_there_are() -> None:
    line = [sys.executable, "-m", "cloud_sync", "coast"]
    ended = subprocess.run(line, check=False, capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == 2
    assert "coast is no command; there are " in ended.stderr
    assert "cost" in ended.stderr


def test_help_names_every_command() -> None:
    line = [sys.executable, "-m", "cloud_sync", "--help"]
    ended = subprocess.run(line, check=False, capture_output=True, text=True, cwd=ROOT)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert all(f"  {name} " in ended.stdout for name in COMMANDS if name[0] != "-")
