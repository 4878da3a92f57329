"""What an exported file says of itself: what goes in, what comes out, and what has to be done before."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config
from torch import Tensor

from cnxv2_mm.config.entry import type_name
from cnxv2_mm.export.models.base import Output
from cnxv2_mm.export.program import INPUT
from cnxv2_mm.export.subject import Subject
from cnxv2_mm.prediction.pipeline import test_dataset
from cnxv2_mm.version import __version__

# Steps of test pipelines that change where a pixel is: those that a user has to do himself, before the file.
_SIZES = ("Resize", "ResizeEdge", "CenterCrop", "Pad")
_WITHOUT_EFFECT = ("Load", "Pack")  # what such names begin with: reading, and what comes with the labels
_NUM_COLOURS = 3


def resize_steps(config: Config | None) -> list[dict[str, Any]]:
    """Return the steps of a config's test pipeline that change an image's size, in their order.

    Args:
        config: The whole config; None has no steps.

    Raises:
        ValueError: Another step changes the images, which the exported file would not do.
    """
    if config is None:
        return []
    found = []
    for step in test_dataset(config)["pipeline"]:
        name = type_name(step)
        if name in _SIZES:
            found.append({**json.loads(json.dumps(step, default=list)), "type": name})
        elif not name.startswith(_WITHOUT_EFFECT):
            raise ValueError(
                f"the step {name} of the config's test pipeline cannot be exported; known are {', '.join(_SIZES)}, "
                "which stay outside of the file, and loading and packing"
            )
    return found


def describe(
    subject: Subject, image: Tensor, sides: Sequence[tuple[int, int | None]], *, dynamic: bool, fp16: bool
) -> dict[str, str]:
    """Return the metadata of a file, each value as JSON; ``docs/export.md`` explains them.

    Args:
        subject: The model.
        image: A picture that goes into the file, (N, height, width, C).
        sides: The smallest and largest height, then width; see :func:`cnxv2_mm.export.program.sides`.
        dynamic: Whether the shape is free within them.
        fp16: Whether the file computes in float16.
    """
    model = subject.model
    shape: list[int | str] = list(image.shape)
    if dynamic:
        shape = ["images" if model.takes_batches else 1, "height", "width", image.shape[3]]
    values = {
        "cnxv2_mm": __version__,
        "task": model.task,
        "classes": list(subject.classes),
        "input": {
            "name": INPUT,
            "shape": shape,
            "type": str(image.dtype).removeprefix("torch."),
            "channels": "RGB" if image.shape[3] == _NUM_COLOURS else "as in the file",
            "sides": dict(zip(("height", "width"), map(list, sides), strict=True)),
        },
        "outputs": [_described(output) for output in model.outputs],
        "resize": resize_steps(subject.config),
        "source": subject.source,
        "fp16": fp16,
        **model.description(),
    }
    return {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}


def _described(output: Output) -> Mapping[str, Any]:
    return {"name": output.name, "axes": list(output.axes), "meaning": output.meaning}
