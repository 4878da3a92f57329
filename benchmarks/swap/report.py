"""What the walk found: totals, a row for each family, reasons; as a table in the terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import shorten

from rich.console import Console
from rich.table import Table

from benchmarks.swap.outcome import Outcome
from benchmarks.swap.published import LIBRARIES, family_of

TARGET = 0.95
COLUMNS = ("family", "configs", "build", "swapped", "models", "trained", "predicted", "what fails, and why")


@dataclass
class Row:
    """A row of the table: a family, a library, or all of them.

    Attributes:
        name: 'mmdet/retinanet'.
        configs: Number of published configs with one of the backbones in question.
        build: How many of them build with their own backbone.
        swapped: How many build swapped.
        models: Number of different models among the swapped ones; one config of each trains a step and predicts.
        trained: Models whose step runs, with finite losses and gradients for the whole backbone.
        unable: Models whose step does not run with their own backbone either.
        predicted: Models whose prediction runs.
        unable_to_predict: Models whose prediction does not run with their own backbone either.
        reasons: Why others are not swapped, do not train or do not predict, most frequent first.
    """

    name: str
    configs: int
    build: int
    swapped: int
    models: int
    trained: int
    unable: int
    predicted: int
    unable_to_predict: int
    reasons: list[str]


def summarise(name: str, outcomes: Sequence[Outcome]) -> Row:
    """Return the row of some outcomes."""
    known = [o for o in outcomes if o.state != "unreadable"]
    asked = [o for o in known if o.training != "not asked"]
    reasons = Counter(reason for o in known for reason in _reasons(o))
    return Row(
        name,
        configs=len(known),
        build=sum(o.state != "unbuilt" for o in known),
        swapped=sum(o.state == "swapped" for o in known),
        models=len(asked),
        trained=sum(o.training == "trained" for o in asked),
        unable=sum(o.training == "unable" for o in asked),
        predicted=sum(o.prediction == "predicted" for o in asked),
        unable_to_predict=sum(o.prediction == "unable" for o in asked),
        reasons=[f"{number} x {reason}" for reason, number in reasons.most_common()],
    )


def rows_of(outcomes: Sequence[Outcome]) -> list[Row]:
    """Return a row for each family, one for each library, and the total last."""
    known = [o for o in outcomes if o.state != "unreadable"]
    rows = [
        summarise(family, [o for o in known if family_of(o.config) == family])
        for family in dict.fromkeys(family_of(o.config) for o in known)
    ]
    rows += [summarise(f"all of {name}", [o for o in known if o.config.startswith(f"{name}::")]) for name in LIBRARIES]
    return [row for row in rows if row.configs] + [summarise("all", known)]


def reached(outcomes: Sequence[Outcome]) -> bool:
    """Tell whether enough configs are swapped, and every model trains and predicts that can with its own backbone."""
    total = summarise("all", outcomes)
    train = total.trained + total.unable == total.models
    predict = total.predicted + total.unable_to_predict == total.models
    return total.swapped >= TARGET * total.build and train and predict


def print_table(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print the rows as a table."""
    table = Table(*COLUMNS)
    for row in rows_of(outcomes):
        if row.name.startswith("all"):
            table.add_section()
        table.add_row(*cells(row))
    console.print(table)
    console.print(headline(outcomes), soft_wrap=True)


def headline(outcomes: Sequence[Outcome]) -> str:
    """Return the totals in words."""
    total = summarise("all", outcomes)
    unreadable = sum(o.state == "unreadable" for o in outcomes)
    share = f"{total.swapped / total.build:.1%}" if total.build else "none"
    trained, predicted = (
        f"{number} of {total.models} models {verb}{f', {unable} cannot with their own backbone either' * (unable > 0)}"
        for verb, number, unable in (
            ("train", total.trained, total.unable),
            ("predict", total.predicted, total.unable_to_predict),
        )
    )
    return (
        f"{total.swapped} of the {total.build} configs that build with their own backbone build swapped ({share}); "
        f"{trained}; {predicted}. {total.configs - total.build} configs do not build "
        f"with their own backbone; {unreadable} more cannot be read."
    )


def cells(row: Row) -> list[str]:
    """Return what stands in a row, one text for each of :data:`COLUMNS`."""
    numbers = (row.configs, row.build, row.swapped, row.models, row.trained, row.predicted)
    return [row.name, *map(str, numbers), "; ".join(row.reasons) if not row.name.startswith("all") else ""]


def _reasons(outcome: Outcome) -> Iterator[str]:
    """Yield why a config is not swapped, or its model does not train or predict, short enough for a table."""
    if outcome.state == "refused":
        yield f"refused: {outcome.kind}"
    elif outcome.state != "swapped":
        words = {
            "unbuilt": "does not build with its own backbone",
            "failed": "the swap fails",
            "broken": "does not build swapped",
        }[outcome.state]
        yield _short(words, outcome.reason)
    for what, state, reason in (
        ("training step", outcome.training, outcome.training_reason),
        ("prediction", outcome.prediction, outcome.prediction_reason),
    ):
        if state == "unable":
            yield _short(f"no {what} with its own backbone either", reason)
        elif state == "failed":
            yield _short(f"{what} fails", reason)


def _short(words: str, detail: str) -> str:
    return f"{words} ({shorten(detail, 100, placeholder=' ...')})"
