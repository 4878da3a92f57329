"""The file and the page of several walks."""

import json

from benchmarks.swap.coverage import Coverage, Walk, covered_now, read_json, write_json, write_markdown
from benchmarks.swap.report import headline, reached, rows_of
from tests.benchmarks.swap.examples import OUTCOMES, outcome
from tests.test_structure import ROOT

FIRST = Coverage((Walk(("mmdet", "mmseg"), "all of it", 30.0, {"mmcv": "2.3.6"}),), tuple(OUTCOMES))
LATER = Coverage(
    (Walk(("mmyolo",), "the new one", 1.5, {"mmcv": "2.0.1"}),), (outcome("mmyolo::d/1.py", "swapped", "trained"),)
)


def test_a_later_walk_takes_the_place_of_what_was_known_of_its_libraries():
    both = FIRST.updated(LATER)
    assert both == Coverage(FIRST.walks + LATER.walks, FIRST.outcomes + LATER.outcomes)
    assert both.updated(LATER) == both
    again = Coverage((Walk(("mmseg",), "again", 2.0, {}),), (outcome("mmseg::c/3.py", "swapped"),))
    updated = FIRST.updated(again)
    assert [walk.libraries for walk in updated.walks] == [("mmdet",), ("mmseg",)]
    assert [one.config for one in updated.outcomes if one.config.startswith("mmseg")] == ["mmseg::c/3.py"]
    assert FIRST.updated(FIRST) == FIRST
    assert LATER.updated(FIRST) == both  # in the order of the libraries, not of the walks


def test_the_file_is_read_as_it_was_written(tmp_path):
    both = FIRST.updated(LATER)
    write_json(tmp_path / "r.json", both)
    assert read_json(tmp_path / "r.json") == both
    report = json.loads((tmp_path / "r.json").read_text())
    assert [family["name"] for family in report["families"]] == [row.name for row in rows_of(both.outcomes)]


def test_the_page_says_what_was_walked_with_what(tmp_path):
    write_markdown(tmp_path / "r.md", FIRST.updated(LATER))
    page = (tmp_path / "r.md").read_text()
    assert f"mmdet, mmseg: {headline(OUTCOMES)}\n\n`all of it`: 30 minutes; mmcv 2.3.6." in page
    assert f"mmyolo: {headline(LATER.outcomes)}\n\n`the new one`: 2 minutes; mmcv 2.0.1." in page
    assert "| mmdet/a | 3 | 3 | 2 | 1 | 1 | 0 | 1 x prediction" in page
    assert "| mmyolo/d | 1 |" in page


def test_a_walk_knows_the_versions_that_it_ran_with():
    import mmcv
    import mmdet

    (walk,) = covered_now(OUTCOMES, "command", 90.0).walks
    assert (walk.libraries, walk.minutes) == (("mmdet", "mmseg"), 1.5)
    assert (walk.versions["mmcv"], walk.versions["mmdet"]) == (mmcv.__version__, mmdet.__version__)


def test_the_committed_page_says_what_its_json_says(tmp_path):
    folder = ROOT / "benchmarks" / "swap"
    coverage = read_json(folder / "coverage.json")
    write_json(tmp_path / "coverage.json", coverage)
    write_markdown(tmp_path / "coverage.md", coverage)
    for name in ("coverage.json", "coverage.md"):
        assert (tmp_path / name).read_text() == (folder / name).read_text()
    assert reached(coverage.outcomes)
