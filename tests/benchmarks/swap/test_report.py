"""The report of a walk: counts, reasons, the target."""

from dataclasses import replace

import pytest
from rich.console import Console

from benchmarks.swap.report import headline, print_table, reached, rows_of
from tests.benchmarks.swap.examples import OUTCOMES, outcome


def test_the_report_counts_and_gives_reasons():
    rows = {row.name: row for row in rows_of(OUTCOMES)}
    assert list(rows) == ["mmdet/a", "mmdet/b", "mmseg/c", "all of mmdet", "all of mmseg", "all"]
    a, b, total = rows["mmdet/a"], rows["mmdet/b"], rows["all"]
    assert (a.configs, a.build, a.swapped, a.models, a.trained) == (3, 3, 2, 1, 1)
    assert a.reasons == ["1 x prediction fails (no view)", "1 x refused: strides"]
    assert b.reasons[-1] == "1 x no training step with its own backbone either (no data)"
    assert [(row.predicted, row.unable_to_predict) for row in (a, b, total)] == [(0, 0), (1, 0), (1, 0)]
    assert (b.configs, b.build, b.swapped, b.models, b.trained, b.unable) == (2, 1, 1, 1, 0, 1)
    assert (total.configs, total.build, total.swapped, total.models, total.trained) == (6, 5, 3, 2, 1)
    assert headline(OUTCOMES).startswith("3 of the 5 configs that build with their own backbone build swapped (60.0%);")
    assert "1 of 2 models train, 1 cannot with their own backbone either; 1 of 2 models predict. " in headline(OUTCOMES)
    console = Console(record=True, width=200)
    print_table(console, OUTCOMES)
    assert "mmseg/c" in console.export_text()


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["swapped"] * 19 + ["refused"], True),
        (["swapped"] * 18 + ["refused"] * 2, False),
        (["swapped"] * 19 + ["refused"] + ["unbuilt"] * 9, True),
    ],
)
def test_the_target_is_95_percent_of_what_builds_and_every_step(states, expected):
    outcomes = [outcome(f"mmdet::a/{i}.py", state) for i, state in enumerate(states)]
    assert reached(outcomes) == expected
    outcomes[0].training, outcomes[0].prediction = "trained", "unable"
    assert reached(outcomes) == expected
    for broken in ({"training": "failed"}, {"prediction": "failed"}):
        assert not reached([replace(outcomes[0], **broken), *outcomes[1:]])
