"""The scores of a run: read from what mmengine logged, printed as one table, written as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from demo.tasks import PRETRAINING, Metric, Task


@dataclass(frozen=True)
class Score:
    """One line of the table. ``score``, ``trivial`` and ``target`` are fractions, or losses where lower is better.

    ``trivial`` is what a predictor that never looks at the image gets; ``seconds`` is how long the whole task took.
    """

    task: str
    metric: str
    score: float
    trivial: float
    target: float
    higher_is_better: bool
    seconds: float

    @property
    def reached(self) -> bool:
        """Whether the score is at least its target and better than the trivial predictor's."""
        if self.higher_is_better:
            return self.score >= self.target and self.score > self.trivial
        return self.score <= self.target and self.score < self.trivial


def read_value(folder: Path, key: str) -> float:
    """Return the last value that mmengine's newest run in ``folder`` logged as ``key``.

    Raises KeyError when that run, or any, never logged it.
    """
    logs = sorted(folder.glob("*/vis_data/scalars.json"))
    lines = logs[-1].read_text().splitlines() if logs else []
    values = [record[key] for record in map(json.loads, lines) if key in record]
    if not values:
        raise KeyError(f"{key!r} is in no line of {logs[-1] if logs else folder / '*/vis_data/scalars.json'}")
    return float(values[-1])


def logged_trivial_scores(work_dir: Path) -> dict[str, float]:
    """Return the loss of painting each hidden patch in its mean, which FCMAE's validation logs beside its own."""
    return {"reconstruction/loss": read_value(work_dir / PRETRAINING.name, "reconstruction/patch_mean_loss")}


def make_score(task: Task, metric: Metric, value: float, trivial: float, seconds: float) -> Score:
    """Return a logged ``value`` as a line of the table; without a target of its own it has to beat ``trivial``."""
    target = trivial if metric.target is None else metric.target
    return Score(task.title, metric.name, value / metric.unit, trivial, target, metric.higher_is_better, seconds)


def print_table(console: Console, scores: Sequence[Score]) -> None:
    """Print the scores, those below target in red."""
    table = Table(title="Scores on validation: digits and photographs never trained on")
    for heading in ("task", "metric"):
        table.add_column(heading)
    for heading in ("score", "trivial predictor", "target", "seconds"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for above, score in zip((None, *scores), scores, strict=False):
        again = above is not None and above.task == score.task
        table.add_row(
            "" if again else score.task,
            score.metric,
            f"{score.score:.3f}",
            f"{score.trivial:.3f}",
            f"{_relation(score)} {score.target:.3g}",
            "" if again else f"{score.seconds:.0f}",
            Text("reached", "green") if score.reached else Text("NOT REACHED", "bold red"),
        )
    console.print(table)


def write_json(path: Path, scores: Sequence[Score], total_seconds: float) -> None:
    """Write what the table shows: ``scores``, whether ``all_reached``, and ``total_seconds`` of the whole demo."""
    report = {
        "scores": [{**asdict(score), "reached": score.reached} for score in scores],
        "all_reached": all(score.reached for score in scores),
        "total_seconds": round(total_seconds, 1),
    }
    path.write_text(json.dumps(report, indent=2) + "\n")


def _relation(score: Score) -> str:
    return "≥" if score.higher_is_better else "<"
