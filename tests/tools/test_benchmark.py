"""The command: what it prints, its JSON, its pictures, and the page that is written from them."""

import json

import pytest
from matplotlib import pyplot as plt

from benchmark_parts import page
from benchmark_parts.measuring import Quartiles
from benchmark_parts.page import BEGIN, END, NOT_YET, deviation_from_line, read_results, write_tables
from benchmark_parts.plan import PLAN
from benchmark_parts.result import Missing, Result, Row, Table
from tests.test_structure import ROOT
from tests.tools.conftest import load_tool

FOLDER = ROOT / "benchmarks"


@pytest.fixture(scope="module")
def benchmark():
    return load_tool("benchmark")


def row(peer, seconds):
    return Row(peer, False, "what it computes", seconds, 3 * 2**20, 2**20, output_error=1e-7, gradient_error=2e-6)


def result(*tables):
    settings = {"arch": "atto", "dtype": "float32"}
    machine = {"cpu": "A Processor", "threads": 2, "gpu": None}
    return Result("pretrain", "python tools/benchmark.py pretrain", settings, machine, {"torch": "2.14.1"}, [*tables])


def table(num_visible=19, ratio=0.6, missing=(), **seconds):
    rows = [row(name, times) for name, times in seconds.items()]
    return Table("forward+backward", 16, 224, ratio, num_visible, 49, rows, list(missing))


def test_a_run_writes_everything_that_it_measured(benchmark, tmp_path, capsys):
    argv = [
        "pretrain",
        "--arch",
        "atto",
        "--size",
        "64",
        "--batch-size",
        "1",
        "--repeats",
        "3",
        "--warm-up",
        "1",
        "--least-seconds",
        "0.05",
    ]
    argv += ["--peers", "packed", "masked_dense", "minkowski", "--mask-ratio", "0.5", "0.75"]
    argv += ["--json", str(tmp_path / "a/run.json"), "--plot", str(tmp_path / "b/run.png")]
    assert benchmark.main(argv) == 0
    printed = capsys.readouterr().out
    assert "forward and backward, 1 image of 64 x 64, 2 of 4 patches visible" in printed
    assert "packed" in printed

    content = json.loads((tmp_path / "a/run.json").read_text())
    assert content["command"] == f"python tools/benchmark.py {' '.join(argv)}"
    assert content["settings"]["mask_ratio"] == [0.5, 0.75]
    assert content["machine"]["threads"] >= 1
    assert content["machine"]["cpu"]
    assert {"torch", "timm", "mmpretrain", "python", "commit"} <= content["versions"].keys()
    assert [t["num_visible"] for t in content["tables"]] == [2, 1]
    for one in content["tables"]:
        named = [line["peer"] for line in one["rows"] + one["missing"]]
        assert sorted(named) == ["masked_dense", "minkowski", "packed"]
        for line in one["rows"]:
            assert len(line["seconds"]) == 3
            assert line["peak_bytes"] > line["saved_bytes"] > 0
            assert line["output_error"] < 1e-5
            assert line["derived"]["images_per_second"] == pytest.approx(1 / line["derived"]["seconds"]["median"])
        assert one["rows"][0]["derived"]["ratio_to_first"] == 1
    assert plt.imread(tmp_path / "b/run.png").std() > 0
    assert Result.read(tmp_path / "a/run.json").tables[0].rows[0].peer == "packed"


def test_ratios_of_medians_and_within_rounds():
    one = table(packed=[1.0, 2.0, 4.0], timm=[3.0, 8.0, 8.0])
    ours, timm = one.rows
    assert one.ratio(ours) == 1
    assert one.ratio(timm) == 8 / 2
    assert one.paired_ratios(timm) == Quartiles(3.0, 2.5, 3.5)  # of 3, 4 and 2
    assert one.images_per_second(ours) == 16 / 2


def test_what_is_written_is_read_again(tmp_path):
    written = result(table(packed=[1.0, 2.0], missing=[Missing("minkowski", False, "not installed")]))
    written.write(tmp_path / "x.json")
    assert Result.read(tmp_path / "x.json") == written


def test_a_failing_peer_is_the_exit_status(benchmark, monkeypatch, capsys):
    failed = Missing("timm", False, "its outputs differ by 0.3", failed=True)
    monkeypatch.setattr(benchmark, "measure", lambda args, command: result(table(packed=[1.0], missing=[failed])))
    assert benchmark.main(["pretrain"]) == 1
    assert "differ by 0.3" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv",
    [
        ["pretrain", "--size", "64", "96", "--batch-size", "1", "2", "3"],
        ["backbone", "--repeats", "0"],
        ["backbone", "--mask-ratio", "0.6"],
        ["step", "--peers", "timm"],
    ],
)
def test_impossible_arguments_are_refused(benchmark, argv, capsys):
    with pytest.raises(SystemExit) as status:
        benchmark.parse_args(argv)
    assert status.value.code == 2
    capsys.readouterr()


def test_pictures_of_throughput_and_of_cost(benchmark, tmp_path):
    one = table(packed=[1.0, 2.0], timm=[3.0, 4.0])
    several = [table(n, 1 - n / 49, packed=[n / 49], timm=[1.0]) for n in (4, 19, 34)]
    for name, measured in {"throughput": result(one), "cost": result(*several)}.items():
        benchmark.draw(measured, tmp_path / f"{name}.png")
        assert plt.imread(tmp_path / f"{name}.png").std() > 0


def test_the_page_shows_what_is_measured_and_how_to_measure_the_rest(benchmark, tmp_path):
    name, command = PLAN[0].name, PLAN[0].command
    missing = [Missing("minkowski", False, "not installed")]
    result(table(packed=[0.5, 0.5], timm=[1.5, 1.5], missing=missing)).write(tmp_path / f"{name}.json")
    result(*(table(n, 1 - n / 49, packed=[n / 49]) for n in (4, 34))).write(tmp_path / "extra.json")
    (tmp_path / "README.md").write_text(f"Before.\n{BEGIN}\nold\n{END}\nAfter.\n")
    assert benchmark.main(["report", str(tmp_path)]) == 0
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("Before.\n")
    assert text.endswith("After.\n")
    assert "old" not in text
    assert "| timm | 1.5e+03 (1.5e+03 - 1.5e+03) | 10.7 | 3.00 |" in text
    assert "- minkowski: absent. not installed" in text
    assert "| packed | 81.6 | 694 | 0.0% |" in text  # 4 / 49 and 34 / 49 seconds
    assert (tmp_path / f"{name}.png").is_file()
    assert (tmp_path / "extra.png").is_file()
    assert command not in text  # it is measured, by the command that its JSON names
    assert text.count(NOT_YET) == len(PLAN) - 1
    assert all(run.command in text for run in PLAN[1:])
    again = write_tables(text, read_results(tmp_path))
    assert again == text


def test_a_page_without_markers_is_refused():
    with pytest.raises(ValueError, match="must have these two lines"):
        write_tables(f"{END}{BEGIN}", {})


def test_deviation_from_a_straight_line():
    assert deviation_from_line([1, 2, 3], [2.0, 4.0, 6.0]) == pytest.approx(0)
    # The best line through 0, 0, 3 at 0, 1, 2 is 1.5 x - 0.5: off by 0.5, 1, 0.5.
    assert deviation_from_line([0, 1, 2], [0.0, 0.0, 3.0]) == pytest.approx(1 / 3)


def test_the_committed_page_is_what_its_json_files_say(benchmark):
    text = (FOLDER / "README.md").read_text()
    results = read_results(FOLDER)
    assert write_tables(text, results) == text, "run `python tools/benchmark.py report`"
    assert all((FOLDER / f"{name}.png").is_file() for name in results)


@pytest.mark.parametrize("run", PLAN, ids=lambda run: run.name)
def test_the_commands_of_the_page_are_understood(benchmark, run):
    args = benchmark.parse_args(run.argv)
    assert args.json.name == f"{run.name}.json"
    assert page.BENCHMARKS[args.benchmark]
