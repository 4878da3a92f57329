"""The page that is written from the results."""

import re
from dataclasses import replace

import pytest

from benchmarks.markdown import END
from benchmarks.speed.__main__ import main
from benchmarks.speed.page import BEGIN, NOT_YET, RESULTS, deviation_from_line, read_results, render, write_tables
from benchmarks.speed.plan import GPU_RUNS, PLAN
from benchmarks.speed.result import NotTimed
from tests.benchmarks.speed.examples import result, table
from tests.test_structure import ROOT

FOLDER = ROOT / "benchmarks"


def test_the_page_shows_what_is_measured_and_how_to_measure_the_rest(tmp_path):
    name, command = PLAN[0].name, PLAN[0].command
    missing = [NotTimed("minkowski", False, "not installed")]
    result(table(packed=[0.5, 0.5], timm=[1.5, 1.5], missing=missing)).write(tmp_path / RESULTS / f"{name}.json")
    result(*(table(n, 1 - n / 49, packed=[n / 49]) for n in (4, 34))).write(tmp_path / RESULTS / "extra.json")
    (tmp_path / "README.md").write_text(f"Before.\n{BEGIN}\nold\n{END}\nAfter.\n")
    assert main(["report", str(tmp_path)]) == 0
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("Before.\n")
    assert text.endswith("After.\n")
    assert "old" not in text
    assert "| timm | 1.5e+03 (1.5e+03 - 1.5e+03) | 10.7 | 3.00 |" in text
    assert "- minkowski: absent. not installed" in text
    assert "| packed | 81.6 | 694 | 0.0% |" in text  # 4 / 49 and 34 / 49 seconds
    assert (tmp_path / RESULTS / f"{name}.png").is_file()
    assert (tmp_path / RESULTS / "extra.png").is_file()
    assert command not in text  # it is measured, by the command that its JSON names
    assert text.count(NOT_YET) == len(PLAN) - 1
    assert all(run.command in text for run in PLAN[1:])
    assert f"({RESULTS}/{name}.png)" in text
    again = write_tables(text, read_results(tmp_path))
    assert again == text


def test_a_measured_run_is_named_after_its_card():
    """And its measurement gives the numbers, whatever command the plan names today."""
    run = GPU_RUNS[0]
    measured = result(table(packed=[0.5, 0.5]))
    measured = replace(measured, machine={**measured.machine, "gpu": "NVIDIA L40S"})
    page = render({run.name: measured})
    assert "## NVIDIA L40S, bfloat16: training step, tiny\n" in page
    assert run.title not in page
    assert GPU_RUNS[1].title in page


def test_a_page_without_markers_is_refused():
    with pytest.raises(ValueError, match="must have these two lines"):
        write_tables(f"{END}{BEGIN}", {})


def test_deviation_from_a_straight_line():
    assert deviation_from_line([1, 2, 3], [2.0, 4.0, 6.0]) == pytest.approx(0)
    # The best line through 0, 0, 3 at 0, 1, 2 is 1.5 x - 0.5: off by 0.5, 1, 0.5.
    assert deviation_from_line([0, 1, 2], [0.0, 0.0, 3.0]) == pytest.approx(1 / 3)


def test_the_committed_page_is_what_its_json_files_say():
    text = (FOLDER / "README.md").read_text()
    results = read_results(FOLDER)
    assert write_tables(text, results) == text, "run `python tools/benchmark.py report`"
    assert all((FOLDER / RESULTS / f"{name}.png").is_file() for name in results)


def test_the_committed_page_links_to_files_that_are_there():
    links = re.findall(r"\]\(([^)#]+)\)", (FOLDER / "README.md").read_text())
    assert len(links) > 10
    assert [link for link in links if not (FOLDER / link).exists()] == []
