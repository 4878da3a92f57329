"""The page shows what was read, as text, and nothing of it as HTML."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cnxv2_mm.run_report.facts import Facts
from cnxv2_mm.run_report.history import Series
from cnxv2_mm.run_report.log_messages import Message
from cnxv2_mm.run_report.page import Report, write_page
from cnxv2_mm.run_report.run_folders import RunFolders
from cnxv2_mm.run_report.settings_file import Settings
from cnxv2_mm.run_report.sheets import KINDS, Sheet
from cnxv2_mm.run_report.state import State
from tests.run_report.conftest import ODD
from tests.web_page.reader import Reader

FACTS = Facts(
    "detect", f"model {ODD}", f"data {ODD}", None, [("lr", f"0.1 {ODD}", "")], {"device": ODD}, {"torch": ODD}
)
RUNNING = State("running", 40, 80, 2, 4, 750.0, 0, 0.0, 100.0, 30.0)


@pytest.fixture
def report(tmp_path):
    folders = RunFolders(tmp_path / ODD / "run", "20260101_000000", 0)
    (folders.work_dir / folders.timestamp).mkdir(parents=True)
    history = {"loss": Series((1, 2), (3.0, 2.0)), "lr": Series((1, 2), (0.1, 0.2)), ODD: Series((1,), (5.0,))}
    return Report(tmp_path / ODD / "report.html", folders, None, RUNNING, FACTS, Settings(), history, [], [])


def test_odd_texts_stay_texts(report):
    settings = Settings("segment", f"cnxv2 {ODD!r}", [(ODD, ODD, ODD)], {ODD: ODD}, {ODD: ODD}, [ODD])
    (report.page.parent / "model.pth").write_text("x")
    text = write_page(replace(report, settings=settings, messages=[Message(ODD, "WARNING", ODD, 2)]))
    page = Reader(text)
    assert "<b>&" not in text.replace("<b>This page", "")
    assert page.texts.count(ODD) >= 8
    assert "Training of a segmenter" in page.text  # the recipe knows better than the model
    (link,) = [value for tag, name, value in page.attributes if name == "href"]
    assert link == "model.pth"
    assert str(report.page.parent) in page.texts


def test_a_page_without_a_recipe(report):
    page = Reader(write_page(report))
    for part in (FACTS.model, FACTS.data, f"0.1 {ODD}"):
        assert part in page.texts
    assert "why" not in page.texts  # nobody has said it
    assert "warning" not in page.text
    assert [kind for kind, _ in page.pictures()] == ["svg+xml", "svg+xml"]


def test_a_running_page_reloads_and_others_do_not(report):
    text = write_page(report)
    assert '<meta http-equiv="refresh" content="30">' in text
    assert "const written = 100000, late = 180000;" in text  # milliseconds; four periods and a minute
    assert "about every 30 s" in Reader(text).text
    for kind in ("finished", "stopped"):
        text = write_page(replace(report, state=replace(RUNNING, kind=kind, error="ValueError: <odd>")))
        assert "http-equiv" not in text
        assert "<script" not in text
        assert ("ValueError: <odd>" in Reader(text).texts) == (kind == "stopped")


def test_a_run_that_ended_early(report):
    early = replace(RUNNING, kind="finished")
    assert "ended the training early, after step 40 of 80" in Reader(write_page(replace(report, state=early))).text
    whole = replace(early, step=80)
    assert "ended the training" not in Reader(write_page(replace(report, state=whole))).text


def test_pictures_are_last_first(report):
    sheets = [(KINDS[0], []), (KINDS[1], [Sheet(10, b"old"), Sheet(1200, b"new")])]
    page = Reader(write_page(replace(report, sheets=sheets)))
    assert page.pictures()[-2:] == [("jpeg", b"new"), ("jpeg", b"old")]
    headings = [text for text in page.texts if text.startswith("Predictions after")]
    assert headings == ["Predictions after step 1,200", "Predictions after step 10, the first"]
    assert "Reconstructions" not in page.text


def test_messages(report):
    messages = [Message("day", "WARNING", f"text {i}", i) for i in range(1, 21)]
    page = Reader(write_page(replace(report, messages=messages)))
    assert "20 warnings in the log" in page.text
    shown = [text for text in page.texts if text.startswith("text ")]
    assert shown == [f"text {i} " for i in range(20, 8, -1)]
    assert "(day, 20 times)" in page.texts


def test_all_numbers(report):
    page = Reader(write_page(replace(report, history={"odd": Series((1, 5, 9), (3.0, float("nan"), 2.0))})))
    start = page.texts.index("odd")
    assert [text for text in page.texts[start:] if text.strip()][:6] == ["odd", "3", "2", "2", "3", "9"]


def test_nothing_yet(report):
    page = Reader(write_page(replace(report, history={}, state=replace(RUNNING, step=0, seconds_left=None))))
    assert "Nothing has been logged yet" in page.text
    assert page.pictures() == []


def test_of_a_real_run(pretraining):
    page = Reader(pretraining.page)
    assert "Pre-training" in page.text
    kinds = [kind for kind, _ in page.pictures()]
    assert kinds == ["svg+xml"] * 5 + ["jpeg"] * 2  # loss, three measures, rate; first and last sheet
    assert "Reconstructions after step 10" in page.text
    assert "Reconstructions after step 0, the first" in page.text
    assert "http" not in re.sub(r'src="data:[^"]*"', "", pretraining.page)
    assert Path(pretraining.folder).name in page.text
