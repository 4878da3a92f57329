"""`python -m benchmarks.export` from its options to its files, and on with what is missing."""

import pytest

from benchmarks.export import __main__ as command
from benchmarks.export import results
from benchmarks.export.report import BEGIN
from benchmarks.markdown import END
from tests.benchmarks.export.test_results import example


def test_a_run_writes_results_and_tables_and_goes_on_with_what_is_missing(tmp_path, capsys):
    page = tmp_path / "export.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    file = tmp_path / "results.json"
    argv = ["--quick", "--targets", "torch.export", "--threads", "1", "--results", str(file), "--page", str(page)]
    assert command.main([*argv, "--only", "classifier, atto"]) == 0
    first = results.read(file)
    assert list(first) == ["classifier, atto"]
    assert [row.target for row in first["classifier, atto"].rows] == ["PyTorch", "torch.export"]
    assert "| classifier, atto | 160 x 192 |" in page.read_text()
    capsys.readouterr()
    assert command.main([*argv, "--only", "classifier"]) == 0
    assert "classifier, atto: in " in capsys.readouterr().out
    both = results.read(file)
    assert list(both) == ["classifier, atto", "classifier, tiny"]
    assert both["classifier, atto"] == first["classifier, atto"]
    assert "| classifier, tiny | 160 x 192 |" in page.read_text()


def test_a_model_that_cannot_be_exported_stops_no_others(tmp_path, monkeypatch, capsys):
    def refuse(case, conditions):
        if case.name == "classifier, atto":
            raise ValueError("classifier with a head that nobody knows")
        return example(case.name)

    monkeypatch.setattr(command, "measure", refuse)
    page = tmp_path / "export.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    argv = ["--quick", "--results", str(tmp_path / "results.json"), "--page", str(page), "--only", "classifier"]
    assert command.main(argv) == 1
    assert "classifier, atto: classifier with a head that nobody knows" in capsys.readouterr().out
    assert list(results.read(tmp_path / "results.json")) == ["classifier, tiny"]


@pytest.mark.parametrize(
    "options",
    [["--quick"], ["--rounds", "0"], ["--threads", "0"], ["--targets", "TensorRT"]],
    ids=" ".join,
)
def test_impossible_options_are_refused(options, capsys):
    with pytest.raises(SystemExit) as status:
        command.parse_args(options)
    assert status.value.code == 2
    capsys.readouterr()


def test_an_unknown_model_is_refused():
    with pytest.raises(ValueError, match="--only yolo is in the name of no model: there are classifier, atto"):
        command.main(["--only", "yolo"])
