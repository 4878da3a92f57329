"""The scores of a run: read from what mmengine logged, printed as one table, written as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cnxv2_mm.recipes.run_folder import RunFolder
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
    """Return the last value that mmengine's newest run in the work folder ``folder`` logged as ``key``.

    Raises KeyError when that run, or any, never logged it.
    """
    logs = _logs(folder)
    lines = logs[-1].read_text().splitlines() if logs else []
    values = [record[key] for record in map(json.loads, lines) if key in record]
    if not values:
        raise KeyError(f"{key!r} is in no line of {logs[-1] if logs else folder / '*/vis_data/scalars.json'}")
    return float(values[-1])


def read_metric(folder: Path, metric: Metric) -> float:
    """Return the last value of a metric that the run in the run folder ``folder`` logged.

    mmdet logs no AP where nothing is detected: 0 then. Raises KeyError when there is no value of anything else.
    """
    work = RunFolder(folder).work
    try:
        return read_value(work, metric.key)
    except KeyError:
        if metric.key.startswith("coco/") and _logs(work):
            return 0.0
        raise


def _logs(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/vis_data/scalars.json"))


def logged_trivial_scores(work_dir: Path) -> dict[str, float]:
    """Return the loss of painting each hidden patch in its mean, which a pre-training logs beside its own."""
    work = RunFolder(work_dir / PRETRAINING.name).work
    return {"held_out/loss": read_value(work, "held_out/patch_mean_loss")}


def make_score(task: Task, metric: Metric, value: float, trivial: float, seconds: float) -> Score:
    """Return a logged ``value`` as a line of the table; without a target of its own it has to beat ``trivial``."""
    target = trivial if metric.target is None else metric.target
    return Score(task.title, metric.name, value / metric.unit, trivial, target, metric.higher_is_better, seconds)


def print_table(console: Console, scores: Sequence[Score]) -> None:
    """Print the scores, those below target in red."""
    table = Table(title="Scores on validation: digits and photographs never trained on. The loss: on images held out")
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
