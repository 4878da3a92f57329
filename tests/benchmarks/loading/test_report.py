"""The tables and the JSON say what was measured."""

import json

from rich.console import Console

from benchmarks.loading.measure import Rate, RateTable
from benchmarks.loading.report import print_tables, render, write_json

TABLES = [
    RateTable(
        "a batch", [Rate("ours", "fast", 100, [0.5, 0.4, 0.5], 0.1), Rate("other", "slow", 100, [1.0, 1.2, 1.0], 0.0)]
    )
]
CONTENT = {
    "command": "python tools/benchmark.py loading",
    "mean_bytes": 70_123,
    "machine": {"cpu": "a processor", "gpu": None},
    "versions": {"torch": "2.14.1"},
}


def test_the_page_has_rates_ratios_and_the_machine():
    page = render(TABLES, CONTENT["command"], CONTENT)
    assert "| ours | 200 (200 - 225) | 1.00 | 0.10 |" in page
    assert "| other | 100 (92 - 100) | 2.00 | 0.00 |" in page
    assert "cpu: a processor. torch 2.14.1." in page
    assert "70 KB" in page
    assert "- `other`: slow." in page


def test_the_terminal_shows_the_same():
    console = Console(record=True, width=160)
    print_tables(console, TABLES)
    text = console.export_text()
    assert "200 (200 - 225)" in text
    assert "2.00" in text


def test_the_json_has_every_single_measurement(tmp_path):
    write_json(tmp_path / "a" / "b.json", TABLES, CONTENT)
    content = json.loads((tmp_path / "a" / "b.json").read_text())
    assert content["command"] == CONTENT["command"]
    (table,) = content["tables"]
    assert table["rows"][1]["seconds"] == [1.0, 1.2, 1.0]
    assert table["images_per_second"]["ours"]["median"] == 200
