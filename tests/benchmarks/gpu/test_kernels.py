"""The command that measures kernels one by one."""

import json

import pytest

from benchmarks.gpu import kernels


def test_a_dry_run_measures_everything(tmp_path, capsys):
    file = tmp_path / "kernels.json"
    assert kernels.main(["--device", "cpu", "--quick", "--json", str(file)]) == 0
    rows = json.loads(file.read_text())
    assert capsys.readouterr().out.count("\n") == len(rows) == 4 * 3 * 3 + 8 * 2 * 3
    assert {row["operation"] for row in rows} == {"depthwise", "mlp"}
    # bfloat16 was at work, and within its rounding.
    assert all(1e-4 < row["error"] < kernels.TOLERANCE for row in rows)


@pytest.mark.parametrize("tolerance", [0.0, float("nan")])
def test_a_large_error_is_the_exit_status(tolerance, monkeypatch, capsys):
    monkeypatch.setattr(kernels, "TOLERANCE", tolerance)
    cases = kernels.list_cases
    monkeypatch.setattr(kernels, "list_cases", lambda *args: [next(cases(*args))])
    assert kernels.main(["--device", "cpu", "--quick"]) == 1
    assert "Errors above" in capsys.readouterr().out
