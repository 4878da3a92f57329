"""The tables for the terminal."""

from rich.console import Console

from benchmarks.speed.report import cells, print_result
from benchmarks.speed.result import NotTimed
from tests.benchmarks.speed.examples import result, table


def test_a_row_has_medians_and_quartiles():
    one = table(packed=[1.0, 2.0, 3.0], timm=[4.0, 4.0, 6.0])
    # 16 images in 4 s; twice the median of the first row; ratios within rounds 4, 2 and 2; 3 and 1 MiB.
    assert cells(one, one.rows[1]) == ("4e+03 (4e+03 - 5e+03)", "4", "2.00", "2.00 (2.00 - 3.00)", "3", "1")


def test_everything_is_printed_in_one_table():
    console = Console(record=True, width=220)
    print_result(console, result(table(packed=[1.0], missing=[NotTimed("minkowski", False, "not installed")])))
    printed = console.export_text()
    assert "forward and backward, 16 images of 224 x 224, 19 of 49 patches visible" in printed
    for peer, text in (("packed", "what it computes"), ("minkowski", "not installed")):
        assert any(peer in line and text in line for line in printed.splitlines())
