"""The report of a training that ended at a loss that is not finite: a JSON file in the run's folder."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from cnxv2_mm.training.first_nonfinite import all_finite
from cnxv2_mm.whole_file import whole_file


@dataclass(frozen=True)
class NonFiniteReport:
    """What is known about the step. The file has these names.

    Attributes:
        step: Its number, from 1.
        process: The number of the process that met the loss, from 0. Files and losses are its own.
        losses: The losses that are not finite, as ``nan``, ``inf`` or ``-inf``.
        learning_rate: The full rate in that step.
        first_module: The first module whose output is not finite, with its class; or why it is not known.
        cause: Whether the module's input or weights were not finite before; empty if no module is known.
        files: The files of the batch; empty if the data set does not tell them.
        files_not_finite: Those of them whose input is not finite. An image without a name is told by its place.
    """

    step: int
    process: int
    losses: dict[str, str]
    learning_rate: float
    first_module: str
    cause: str
    files: list[str]
    files_not_finite: list[str]

    def write(self, folder: str | Path) -> str:
        """Write ``nonfinite_step_<step>.json`` and return the end of an error's line, which names that file.

        If it cannot be written, the line has the files of the batch and says why there is no report.
        """
        path = Path(folder) / f"nonfinite_step_{self.step}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as part:
                part.write_text(json.dumps(asdict(self), indent=2) + "\n")
        except OSError as error:
            return f"Files of the batch: {', '.join(self.files) or 'not known'} (no report: {error})"
        return f"Report with the files of the batch: {path}"


def files_of(data_batch: Any) -> tuple[list[str], list[str]]:
    """Return the file names of a batch, and those of the files whose input is not finite.

    The first is empty for a batch without names. In the second, an image without a name is told by its place.
    """
    if not isinstance(data_batch, Mapping):
        return [], []
    samples, inputs = data_batch.get("data_samples"), data_batch.get("inputs", ())
    paths = [getattr(sample, "img_path", None) for sample in samples] if isinstance(samples, list | tuple) else []
    if isinstance(inputs, list | tuple) and inputs and isinstance(inputs[0], Tensor) and inputs[0].ndim == 4:
        inputs = list(zip(*inputs, strict=False))  # several views of each image
    broken = [i for i, image in enumerate(inputs) if not all_finite(image)]
    names = [str(path) for path in paths if path]
    places = [str(paths[i]) if i < len(paths) and paths[i] else f"image {i + 1} of the batch" for i in broken]
    return names, places
