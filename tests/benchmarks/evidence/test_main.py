"""The command: runs that are finished are not run again, and results are written. CI runs it whole, shortened."""

import json

import pytest

from benchmarks.evidence.__main__ import main, run_all, summarise, write_results
from cnxv2_mm import command_line
from tests.benchmarks.evidence.examples import example_result, example_run


def test_finished_runs_are_left_and_failures_are_told(tmp_path):
    done = example_run(tmp_path)
    document = {**example_result("v2", 0), "settings": done.settings.as_json()}
    done.result_file.write_text(json.dumps(document))
    unknown = example_run(tmp_path, "no-such-arm")
    failures = run_all([done, unknown], 1, "Test", command_line.console())
    assert len(failures) == 1
    assert failures[0].startswith("no-such-arm, seed 0: ")
    assert json.loads(done.result_file.read_text()) == document


def test_results_are_written(tmp_path, capsys):
    run = example_run(tmp_path)
    run.result_file.write_text(json.dumps({**example_result("v2", 0), "settings": run.settings.as_json()}))
    document = summarise([run, example_run(tmp_path, "v1")], "the command")
    write_results(document, tmp_path, command_line.console())
    written = json.loads((tmp_path / "results.json").read_text())
    assert written["settings"] == run.settings.as_json()
    assert written["results"] == [example_result("v2", 0)]
    assert (tmp_path / "distances.png").is_file()
    printed = capsys.readouterr().out
    assert "Not measured: grn-l1" in printed


def test_help(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--quick" in capsys.readouterr().out
