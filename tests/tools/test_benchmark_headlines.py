"""The README's table of speeds says what the committed measurements say."""

from benchmark_parts.result import Result, Row, Table
from tests.test_structure import ROOT

README = (ROOT / "README.md").read_text()


def first_table(name: str) -> Table:
    return Result.read(ROOT / "benchmarks" / f"cpu_{name}.json").tables[0]


def find(table: Table, peer: str, compiled: bool = False) -> Row:
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
