"""What a task of ``cnxv2 finetune`` says of itself, and what the frame makes of it.

A task knows its data and its model. :class:`Task` is all that the frame asks of it: a name, the scores, and ``plan``,
which reads and checks the data and returns a :class:`Plan`: the model, the data sets and the rates. The frame adds
what all tasks share (batch size, number of iterations, averaged weights, checkpoints, hooks), writes ``config.py``, and
runs it. A new task is one file with one ``Task``, and a row in ``TASKS`` of :mod:`.tasks`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cnxv2_mm.recipes.finetuning.rates import Rates
from cnxv2_mm.recipes.finetuning.start import Start
from cnxv2_mm.recipes.settings import Setting
from cnxv2_mm.training.data_check.findings import Finding

Step = Callable[[int, int], None]


@dataclass(frozen=True)
class Wishes:
    """What a user may ask of a task; the defaults leave it to the data.

    Attributes:
        size: The size of the images in pixels: of their shorter side for detection, of a square for the other tasks.
        flip: Whether images may be mirrored in training: not where left and right differ, as in digits or text.
        reduce_zero_label: For label maps as in ADE20K: 0 is ignored, and label n is class n - 1.
    """

    size: int | None = None
    flip: bool = True
    reduce_zero_label: bool = False


@dataclass(frozen=True)
class Score:
    """A number of the validation.

    Attributes:
        name: For people: 'box AP'.
        key: In mmengine's log: 'coco/bbox_mAP'.
        unit: What one whole is in that log: 100 where the library reports percent.
    """

    name: str
    key: str
    unit: float = 1.0


@dataclass(frozen=True)
class Plan:
    """What a task decided for its data.

    Attributes:
        title: The model, for people: 'Mask R-CNN with FPN'.
        data: The data in one sentence: how many images, objects, classes.
        library: The ``default_scope``: 'mmdet', 'mmseg' or 'mmpretrain'.
        visualizer: The library's class for pictures of predictions, such as 'DetLocalVisualizer'.
        base: The configs to inherit from, without the frame's own; by name, such as 'mmdet::_base_/models/...'.
        model: The config's ``model``: what differs from ``base``. Its backbone is :meth:`.start.Start.backbone`.
        model_why: The comment above it.
        train_dataset: ``train_dataloader.dataset`` of the config, with its pipeline.
        val_dataset: The same for validation.
        data_why: The comment above the data.
        evaluator: ``val_evaluator`` of the config.
        classes: Their names.
        num_train: Number of images to train with.
        num_val: Number of images to validate with.
        rates: How it learns.
        images_to_see: How many images to train on in all, each as often as it comes, where the user says nothing.
        images_why: Why so many.
        settings: The task's own decisions, for the table.
        batch_sizes: Numbers of images in a step to choose from, the smallest first, each at most twice the one before.
        val_batch_size: Number of images that are validated at a time; above 1 where all have one size.
        findings: What was found in the data and is not fatal.
        float32_part: The module whose output stays in float32 in mixed precision: the maps that are pooled inside of
            boxes, whose coordinates bfloat16 would round by up to 2 pixels. None if there is none.
        extra: Further names of the config: ``model_wrapper_cfg``, ``find_unused_parameters`` and their like.
    """

    title: str
    data: str
    library: str
    visualizer: str
    base: tuple[str, ...]
    model: Mapping[str, Any]
    model_why: str
    train_dataset: Mapping[str, Any]
    val_dataset: Mapping[str, Any]
    data_why: str
    evaluator: Any
    classes: tuple[str, ...]
    num_train: int
    num_val: int
    rates: Rates
    images_to_see: int
    images_why: str
    settings: tuple[Setting, ...]
    batch_sizes: tuple[int, ...] = (1, 2, 4, 8, 16)
    val_batch_size: int = 1
    findings: tuple[Finding, ...] = ()
    float32_part: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


class Task(Protocol):
    """A task.

    Attributes:
        name: What the user types: 'detect'.
        summary: What it does, for the help of the command.
        scores: What its validation measures. The first decides which weights are the best; higher is better. A run may
            lack the others: a detector without masks has no mask AP.
    """

    name: str
    summary: str
    scores: tuple[Score, ...]

    def plan(self, data: Path, out: Path, start: Start, wishes: Wishes, step: Step) -> Plan:
        """Read and check the data, and decide what depends on it.

        Args:
            data: What the user gave.
            out: The folder for lists and label files, ``DIR/data``. It may not exist yet.
            start: The network and its weights.
            wishes: What the user asked for.
            step: Called while images are read, with the number that is done and that of all.

        Raises:
            OSError: Data is missing.
            ValueError: The data cannot be used, or does not fit the network: one line for each reason.
        """
        ...


def check_wishes(task: str, start: Start, wishes: Wishes, *, label_maps: bool = False) -> None:
    """Check what is the same in all tasks; see :meth:`Task.plan`.

    Args:
        task: Its name.
        start: The network.
        wishes: What the user asked for.
        label_maps: Whether the data of the task has label maps.

    Raises:
        ValueError: The network is for other images than those of three channels, or ``wishes`` are for label maps.
    """
    if wishes.reduce_zero_label and not label_maps:
        raise ValueError(f"--reduce-zero-label is for label maps: `finetune {task}` has none")
    if len(start.mean) != 3:
        raise ValueError(
            f"--from {start.weights} is for images of {len(start.mean)} channels, and `finetune {task}` loads colour "
            "images, three: give an encoder for those"
        )
