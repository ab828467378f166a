"""The Benchmarks page: its sentences follow from the saved results, whichever library wins."""

import json
import shutil
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from benchmarks import (
    chart,
    command,
    findings,
    line_plot,
    missed_goals,
    overview,
    page,
    page_tables,
    saved_results,
)
from benchmarks.chart import Ranking
from benchmarks.section import Goal, Plot, Section, Table, leading_number
from benchmarks.visitor import BLOCKING, NORMAL, OFFLOADED, RECEIVED
from workshop import paths
from workshop.errors import WorkshopError

SAVED = {
    file.stem: Section.of_json(json.loads(file.read_text(encoding="utf-8"))["section"])
    for file in (paths.DOCS / "numbers").glob("*.json")
}
HEADINGS = ["ms", "p50", "p95", "p99", "count"]
LOSS = ["", "unfinished after 100 s", "finished twice", "started twice", "last one finished after, s"]


@pytest.fixture
def numbers(tmp_path, monkeypatch):
    """The folder docs/numbers/ of an empty project."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "DOCS", tmp_path / "docs")
    (tmp_path / "docs/numbers").mkdir(parents=True)
    return tmp_path / "docs/numbers"


def uploads(**halves):
    """A visitor's section with one table. halves: median upload times by site, in ms."""
    names = {"blocking": BLOCKING, "normal": NORMAL, "offloaded": OFFLOADED, "received": RECEIVED}
    rows = [
        [f"{what}, {names[site]}", str(half), str(half * 2), str(half * 3), 100]
        for what in ("upload", "another page, during the uploads", "another page, idle")
        for site, half in halves.items()
    ]
    return Section("visitor", "Visitor", "How.", [Table("20 uploads of a PNG, all at once", HEADINGS, rows)])


def test_the_committed_page_is_what_the_saved_results_say(numbers):
    """`./workshop bench --page` puts it right."""
    committed = paths.SOURCES.parent / "docs/numbers"
    for file in committed.glob("*.json"):
        shutil.copy(file, numbers)
    assert command.main([], quick=False, write=False, only_page=True) == 0
    written = {file.name: file.read_text(encoding="utf-8") for file in numbers.iterdir()}
    assert written == {file.name: file.read_text(encoding="utf-8") for file in committed.iterdir()}


def test_the_page_is_written_from_what_was_kept(numbers, monkeypatch):
    monkeypatch.setattr(saved_results, "MODULES", {"tea": ""})
    (numbers / "left-over.svg").write_text("<svg/>")
    drawn = Plot("tea-seconds", "The pot is slower.", line_plot.draw({"pot": ([1, 2], [3, 4])}, "pots", "s"))
    section = Section(
        "tea",
        "Tea",
        "Poured.",
        [Table("Tea", ["", "s"], [["pot", "2.0"]])],
        [drawn],
        [Goal("pot / cup", 2.0, 1.5, at_most=True), Goal("cup / pot", 2.0, 1.5)],
        ["Green (https://example.com/tea)."],
        [Goal("pot / mug", 9.0, 1.5, at_most=True)],
    )
    saved_results.save(section)
    page.write()
    text = (numbers / "index.md").read_text(encoding="utf-8")
    assert "    | pot | 2.0 |" in text, "the table is folded"
    assert "| pot / cup | at most 1.5 | 2.00 **missed** (1) |" in text
    assert "| cup / pot | at least 1.5 | 2.00 met |" in text
    assert "\n1. Not explained yet.\n" in text
    assert "1 of 2 goals were met." in text, "a replaced goal does not count"
    assert "- pot / mug: 9.00 (goal: at most 1.5, MISSED)" in text
    assert "Green ([source](https://example.com/tea))." in text
    assert '--8<-- "docs/numbers/tea-seconds.svg"' in text
    svg = ElementTree.parse(numbers / "tea-seconds.svg").getroot()
    assert svg.get("aria-labelledby") == "tea-seconds-title tea-seconds-desc"
    assert "style" not in {each.tag.rpartition("}")[2] for each in svg.iter()}
    assert not (numbers / "left-over.svg").exists(), "no page shows it anymore"


def test_page_without_results_and_with_names_is_refused(numbers):
    with pytest.raises(WorkshopError, match="no saved measurements. Take and save some"):
        command.main([], quick=False, write=False, only_page=True)
    with pytest.raises(WorkshopError, match="--page doesn't measure anything"):
        command.main(["queue"], quick=False, write=False, only_page=True)


@pytest.mark.parametrize("name", SAVED)
def test_every_missed_goal_has_a_reason(name):
    for goal in SAVED[name].goals:
        assert (missed_goals.reason(SAVED[name], goal) == "") == goal.is_met, goal
        assert missed_goals.reason(SAVED[name], goal) != missed_goals.UNKNOWN, goal


@pytest.mark.parametrize("name", SAVED)
def test_every_section_has_a_sentence_and_few_tables(name):
    assert findings.sentence(SAVED[name]).endswith(".")
    tables = page_tables.tables(SAVED[name])
    assert len(tables) <= 2
    assert all(len(row) == len(table.headings) for table in tables for row in table.rows)


@pytest.mark.parametrize(("blocking", "offloaded"), [(900, 90), (90, 900)])
def test_the_sentence_about_uploads_names_the_numbers_whoever_is_faster(blocking, offloaded):
    section = uploads(blocking=blocking, offloaded=offloaded, received=80)
    said = f"from {blocking} to {offloaded} ms (PNG, all at once)"
    assert said in findings.sentence(section)
    first = overview.uploads(section)
    assert f"{blocking} ms if the request resizes the photo, {offloaded} ms if a worker" in first.sentence


def test_the_floor_is_a_third_bar():
    found = overview.uploads(uploads(blocking=900, offloaded=90, received=80))
    assert "and 80 ms if the server only receives and saves it (PNG, all at once)" in found.sentence
    assert found.plot.svg.count("<rect") == 3
    assert "only received and saved: 80 ms, p99 240 ms." in found.plot.words


def test_reasons_of_the_floors_name_both_medians():
    section = uploads(blocking=900, normal=120, offloaded=90, received=45)
    for what, measured in (("an upload",) * 2, ("another page", "another page during the uploads")):
        label = f"PNG, all at once: p99 of {what}, offloaded (low-priority worker) compared with “{RECEIVED}”"
        why = missed_goals.reason(section, Goal(label, 2.0, 1.15, at_most=True))
        medians = (
            f"The median time for {measured} is 45 ms without a worker, 90 ms with a low-priority worker"
        )
        assert f"{medians} and 120 ms with a" in why
        assert why.endswith("a normal-priority worker (PNG, all at once).")


@pytest.mark.parametrize(
    ("row", "fate", "shown"),
    [
        (["10 of 40", 0, 0, "7", "8 unacknowledged"], (40, 2, 8, 0, 7.0), "2 lost, 8 unfinished"),
        (["2 of 40", 0, 0, "8", "nothing"], (40, 2, 0, 0, 8.0), "2 lost"),
        (["3 of 40", 0, 1, "8", "1 started, 2 failed"], (40, 0, 3, 1, 8.0), "3 unfinished, 1 started twice"),
        (["0 of 40", 0, 2, "63", "nothing"], (40, 0, 0, 2, 63.0), "2 started twice, done after 63 s"),
        (["0 of 40", 0, 0, "9", "nothing"], (40, 0, 0, 0, 9.0), "done after 9 s"),
    ],
)
def test_fate_of_the_tasks_of_a_killed_worker(row, fate, shown):
    table = Table("The whole worker killed", [*LOSS, "left in the queue"], [["RQ: default", *row]])
    found = overview.Outcome.of(table, "RQ: default")
    assert found == overview.Outcome(*fate)
    assert found.label == shown


def test_fate_names_the_seconds_until_tasks_come_back():
    headings = [*LOSS, "left in the queue", "started again after, s"]
    row = ["RQ: reliable", "0 of 40", 0, 2, "63", "nothing", "61"]
    found = overview.Outcome.of(Table("The whole worker killed", headings, [row]), "RQ: reliable")
    assert found.label == "2 started twice, again after 61 s"
    assert found.sentence("100").endswith("and 2 of them were started twice, the last after 61 s")


@pytest.mark.parametrize(
    ("values", "more", "place", "said"),
    [
        ({"Celery (prefork)": 5.0, "RQ": 1.0}, True, 1, "5, the best of all"),
        ({"Celery (prefork)": 5.0, "RQ": 1.0}, False, 2, "5 compared with 1 for RQ"),
        ({"Celery (prefork)": 5.0, "RQ": 5.0}, False, 1, "5, the best of all"),
    ],
)
def test_rank_follows_the_values(values, more, place, said):
    rank = Ranking("Tea", values, "Celery (prefork)", more)
    assert rank.place == place
    assert rank.comparison == said
    ElementTree.fromstring(chart.ranks([rank]))


def test_ranking_of_celery_is_the_one_of_the_table():
    field = SAVED["field"]
    table = field.table("Per second")
    flipped = [[row[0], "1", *row[2:]] if row[0] == "Celery (prefork)" else row for row in table.rows]
    last = replace(field, tables=[replace(table, rows=flipped), *field.tables[1:]])
    assert "number 6 in “empty tasks per second”" in findings.sentence(last)
    assert "farthest from the best result in “empty tasks per second”" in overview.celery_ranks(last).sentence


def test_charts_keep_their_colors_when_their_ids_are_prefixed():
    """`page` prefixes the IDs of a picture, and a color must not be taken for one."""
    drawn = chart.bars({"Tea": [chart.Bar("<pot>", "2 s", [(2, chart.RED)], 3)]}, {"slow": chart.RED})
    titled = page._for_screen_readers(Plot("tea", "The pot takes 2 s.", drawn), "Tea")
    assert titled.count(f"fill: {chart.RED}") == 2
    assert "&lt;pot&gt;" in titled


@pytest.mark.parametrize(
    ("cell", "number"), [("37.7 (37.6–38.7)", 37.7), ("1,000", 1000), ("89 %", 89), (100, 100), (".5", 0.5)]
)
def test_leading_number(cell, number):
    assert leading_number(cell) == number


def test_cell_that_is_no_number_is_named():
    with pytest.raises(KeyError, match="doesn't start with a number"):
        leading_number("–")
    with pytest.raises(KeyError, match="has no cell 'cup', 's'"):
        Table("Tea", ["", "s"], [["pot", "2.0"]]).number("cup", "s")
