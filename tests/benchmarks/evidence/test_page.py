"""The page holds the numbers of results.json, and the committed page those of the committed file."""

import json

from benchmarks.evidence.arms import COMPARISONS
from benchmarks.evidence.page import render_comparison, write_tables
from benchmarks.evidence.settings import FULL
from benchmarks.evidence.summary import by_arm
from demo.tasks import ROOT
from tests.benchmarks.evidence.examples import example_result

TABLE_2C = next(comparison for comparison in COMPARISONS if "table 2c" in comparison.title)


def test_a_comparison_is_a_table():
    results = [example_result("v2", seed, knn=0.6 + seed / 100) for seed in range(3)]
    results += [example_result("grn-no-residual", seed, knn=0.5 + seed / 100) for seed in range(3)]
    text = render_comparison(TABLE_2C, by_arm(results))
    assert "The paper: Without it 84.0, with it 84.6." in text
    assert "| `v2` | 80.0% ± 0.0% | 70.0% ± 0.0% | 61.0% ± 1.0% | 12.5 ± 0.0 | 0.410 ± 0.000 |  |" in text
    assert "| 51.0% ± 1.0% | 12.5 ± 0.0 | 0.410 ± 0.000 | k-NN lower |" in text


def test_an_arm_without_results_has_no_row():
    assert "grn-no-residual" not in render_comparison(TABLE_2C, by_arm([example_result("v2", 0)]))


def test_the_committed_page_is_written_from_the_committed_results():
    page = (ROOT / "docs/evidence.md").read_text()
    document = json.loads((ROOT / "benchmarks/evidence/results.json").read_text())
    assert write_tables(page, document) == page
    assert document["settings"] == FULL.as_json()
    assert f"| `pretrain_rate` | {FULL.pretrain_rate} |" in page
    runs = {(result["name"], result["seed"]) for result in document["results"]}
    assert runs == {(arm, seed) for comparison in COMPARISONS for arm in comparison.arms for seed in FULL.seeds}
