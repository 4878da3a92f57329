"""One model in all its forms: first compared, then timed in turn."""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.export.models import RANDOM, SIZES, Case, whole_model
from benchmarks.export.random_heads import spread_scores
from benchmarks.export.results import Measured, Row
from benchmarks.export.targets import BUILDERS, HALF, TARGETS, Form, Work
from benchmarks.speed.environment import describe_machine, describe_versions
from benchmarks.speed.timing import time_in_turn
from cnxv2_mm.export.comparison import compare
from cnxv2_mm.export.differences import Difference

_SHOWN = 200  # letters of an error
_RUNTIMES = ("onnx", "onnxruntime", "openvino")


@dataclass(frozen=True)
class Conditions:
    """How the forms are run.

    Attributes:
        targets: Which of :data:`~benchmarks.export.targets.TARGETS`.
        threads: How many each of them gets.
        rounds: Number of measurements of each.
        least_seconds: How long a measurement lasts at least, by repeated calls.
    """

    targets: tuple[str, ...]
    threads: int
    rounds: int
    least_seconds: float


def photograph(height: int, width: int) -> Tensor:
    """Return a real photograph, (1, height, width, 3) RGB bytes."""
    from sklearn.datasets import load_sample_image

    picture = Image.fromarray(load_sample_image("china.jpg")).resize((width, height), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(picture))[None]


@torch.no_grad()
def measure(case: Case, conditions: Conditions) -> Measured:
    """Compare and time a model.

    A form with other numbers, or that cannot be made, is not timed, and its row says why.

    Raises:
        ValueError: The model cannot be exported, or predicts nothing in the picture, so that nothing can be compared.
    """
    start = time.monotonic()
    torch.set_num_threads(conditions.threads)
    config, model = case.build()
    height, width = case.size or SIZES[config.default_scope]
    image = photograph(height, width)
    whole, half = (whole_model(config, model, fp16=fp16) for fp16 in (False, True))
    if case.checkpoint == RANDOM:
        spread_scores(model, lambda: whole.reference(image))
    expected = [tensor.numpy() for tensor in whole.reference(image)]
    if not all(array.size for array in expected):
        raise ValueError(f"{case.name} finds nothing in the photograph: there is nothing to compare")
    rows: dict[str, Row] = {}
    forms: dict[str, Form] = {}
    with TemporaryDirectory() as folder:
        work = Work(whole, half, image, Path(folder), conditions.threads)
        for target in (name for name in TARGETS if name in conditions.targets):
            try:
                form = BUILDERS[target](work)
                found = _compare(work, expected, form, target)
            except Exception as error:  # whatever a compiler or a runtime raises
                text = " ".join(str(error).split())[:_SHOWN]
                rows[target] = Row(target, reason=f"{type(error).__name__}: {text}")
                continue
            wrong = [one for one in found if not one.is_within]
            reason = "not timed, its numbers differ beyond the tolerance" if wrong else ""
            rows[target] = Row(target, form.size, _texts(found), reason=reason)
            if not wrong:
                forms[target] = form
        calls = [_call(form) for form in forms.values()]
        seconds = time_in_turn(calls, conditions.rounds, 1, torch.device("cpu"), conditions.least_seconds)
    for target, times in zip(forms, seconds, strict=True):
        rows[target] = Row(**{**vars(rows[target]), "seconds": tuple(times)})
    weights = "random, seeded" if case.checkpoint == RANDOM else "trained"
    del forms, calls, work
    gc.collect()
    minutes = round((time.monotonic() - start) / 60, 2)
    where = describe_machine(torch.device("cpu")), describe_versions() | {name: version(name) for name in _RUNTIMES}
    return Measured(case.name, weights, height, width, tuple(rows.values()), *where, minutes)


def _compare(work: Work, expected: Sequence[np.ndarray], form: Form, target: str) -> list[Difference]:
    found = [np.asarray(array) for array in form.call()]
    return compare(work.half if target in HALF else work.whole, work.image, expected, found)


def _texts(found: Sequence[Difference]) -> dict[str, str]:
    """Return the differences in words; that no detection is without a partner needs none."""
    return {
        one.name: f"{one.largest:.1g} {one.unit}".strip() for one in found if one.name != "detections" or one.largest
    }


def _call(form: Form) -> Callable[[], None]:
    def call() -> None:
        with torch.no_grad():
            form.call()

    return call
