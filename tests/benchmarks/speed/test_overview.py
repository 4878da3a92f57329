"""The README's picture and its table of speeds say what the committed measurements say."""

from dataclasses import replace

from matplotlib import pyplot as plt
from PIL import Image

from benchmarks.speed.overview import LIBRARIES, NUMBERS, PANELS, SIZES, describe_numbers, draw_overview, find_ratios
from benchmarks.speed.page import RESULTS, read_results
from benchmarks.speed.result import Measurement, Result, Table
from tests.benchmarks.speed.examples import measurement, result
from tests.test_structure import ROOT

README = (ROOT / "README.md").read_text()


def first_table(name: str) -> Table:
    return Result.read(ROOT / "benchmarks" / RESULTS / f"cpu_{name}.json").tables[0]


def find(table: Table, peer: str, compiled: bool = False) -> Measurement:
    return next(row for row in table.rows if (row.peer, row.compiled) == (peer, compiled))


def ratios(benchmark: str, peer: str, *modes: bool) -> list[str]:
    """For atto and tiny: eager, or eager and compiled."""
    tables = [first_table(f"{benchmark}_{arch}") for arch in ("atto", "tiny")]
    return [" / ".join(f"{table.ratio(find(table, peer, mode)):.2f}" for mode in modes or (False,)) for table in tables]


def memory() -> list[str]:
    tables = [first_table(f"pretrain_{arch}") for arch in ("atto", "tiny")]
    return [
        f"{find(table, 'packed').peak_bytes / find(table, 'masked_dense').peak_bytes:.0%}".replace("%", " %")
        for table in tables
    ]


def test_the_committed_picture_shows_the_committed_numbers():
    with Image.open(ROOT / "docs" / "images" / "speed.png") as picture:
        numbers = describe_numbers(read_results(ROOT / "benchmarks"))
        assert picture.text[NUMBERS] == numbers, (
            "run `python tools/benchmark.py report --picture docs/images/speed.png`"
        )


def made_up(minkowski: bool) -> dict[str, Result]:
    """Results in which ours takes 1 s, and masked dense 3 s in eager mode and 2 s compiled."""
    rows = [measurement("packed", [1.0]), measurement("masked_dense", [3.0])]
    rows.append(replace(measurement("masked_dense", [2.0]), compiled=True))
    rows += [measurement("minkowski", [5.0])] * minkowski
    one = result(Table("forward+backward", 16, 224, 0.6, 19, 49, rows, []))
    one = replace(one, machine={**one.machine, "cores": 2}, versions=dict.fromkeys(LIBRARIES, None))
    return {f"cpu_{benchmark}_{size}": one for benchmark in PANELS for size in SIZES}


def test_a_peer_counts_with_its_faster_form():
    assert find_ratios(made_up(minkowski=False), "step") == {"masked_dense": {"atto": 2.0, "tiny": 2.0}}
    assert find_ratios(made_up(minkowski=True), "step")["minkowski"] == {"atto": 5.0, "tiny": 5.0}


def test_the_picture_is_drawn_and_holds_its_numbers(tmp_path):
    draw_overview(made_up(minkowski=True), tmp_path / "new" / "a.png")
    with Image.open(tmp_path / "new" / "a.png") as picture:
        assert picture.width == 1600
        assert "step masked_dense: atto 2.00, tiny 2.00" in picture.text[NUMBERS]
    assert plt.imread(tmp_path / "new" / "a.png").std() > 0


def test_the_table_of_speeds_is_what_was_measured():
    rows = {
        "encoder: masked dense, eager / compiled": ratios("pretrain", "masked_dense", False, True),
        "encoder: the same with our depthwise gradient": ratios("pretrain", "masked_dense_kernels", False, True),
        "encoder: MinkowskiEngine 0.5.4": ratios("pretrain", "minkowski"),
        "encoder: mmpretrain's SparK engine": ratios("pretrain", "spark"),
        "training step: masked dense, eager / compiled": ratios("step", "masked_dense", False, True),
        "whole images: mmpretrain.ConvNeXt": ratios("backbone", "mmpretrain"),
        "whole images: timm": ratios("backbone", "timm"),
        "memory of the encoder, of masked dense's": memory(),
    }
    for name, cells in rows.items():
        assert f"| {name} | {' | '.join(cells)} |" in README
