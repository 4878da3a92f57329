"""``cnxv2 pretrain``: from a folder of images to a pre-trained encoder, by an ordinary config."""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.runner import Runner
from rich.console import Console

from cnxv2_mm.recipes.duration import parse_duration
from cnxv2_mm.recipes.pretraining.encoder import check_formats, export_encoder, write_encoder
from cnxv2_mm.recipes.pretraining.image_list import check_images
from cnxv2_mm.recipes.pretraining.measures import Measures, read_measures
from cnxv2_mm.recipes.pretraining.model_card import write_model_card
from cnxv2_mm.recipes.pretraining.prepare import FACTS, prepare, short
from cnxv2_mm.recipes.pretraining.request import Request
from cnxv2_mm.recipes.progress import terminal
from cnxv2_mm.recipes.run import refresh_page, run_config_file
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.recipes.settings import Setting
from cnxv2_mm.swap.weights import NO_WEIGHTS

# A held-out loss below this share of that of patch means shows that the insides of patches are painted.
LEARNT = 0.98


@dataclass(frozen=True)
class Pretraining:
    """A pre-training that has ended.

    Attributes:
        encoder: The encoder in our names, with its mean and standard deviation in its metadata.
        exported: The encoder in the names of other libraries.
        config: The config that was run, ``config.py`` of the run folder.
        report: The page that shows the run.
        loss_first: Held-out loss before the first step.
        loss_last: The same after the last step.
        loss_of_patch_means: The same of painting each hidden patch in its mean colour.
        rank_me: RankMe of the held-out images' features at the end.
        steps: Number of steps of the whole training.
        seconds: How long this call took.
    """

    encoder: Path
    exported: tuple[Path, ...]
    config: Path
    report: Path
    loss_first: float
    loss_last: float
    loss_of_patch_means: float
    rank_me: float
    steps: int
    seconds: float


def pretrain(
    folder: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    arch: str | None = None,
    weights: str | os.PathLike[str] = NO_WEIGHTS,
    duration: str | float | None = None,
    epochs: int | None = None,
    size: int | None = None,
    repeats: int = 1,
    export: Sequence[str] = (),
    resume: bool = False,
    overwrite: bool = False,
    command: str | None = None,
) -> Pretraining:
    """Pre-train an encoder on the images below a folder, without labels. All that is decided is in its config.

    Args:
        folder: The folder of images, at any depth: all that Pillow and tifffile read, of any number of channels.
        out: The run folder; ``work_dirs/pretrain_<name of folder>`` by default.
        arch: The size of the encoder, ``atto`` to ``huge``; ``tiny`` by default, or that of ``weights``.
        weights: What it starts from: a name of ``cnxv2_mm.zoo``, a file, the run folder of another pre-training, or
            'none'.
        duration: How long the training may take: '2h', '90m' or seconds. By default the number of images decides.
        epochs: How often each image is loaded, in place of ``duration``.
        size: Side of the square crops in pixels, a multiple of 32; 224 by default, less if the images are smaller.
        repeats: How often each loaded image is trained on in its step, with a mask of its own each time.
        export: Formats to write the encoder in besides: 'timm', 'huggingface', 'mmpretrain', 'official'.
        resume: Go on with the run in ``out`` from its last checkpoint, by its config.
        overwrite: Remove the run in ``out`` and start anew.
        command: What the user typed, for the files that say so.

    Returns:
        Where the encoder is, and what was measured.

    Raises:
        ValueError: An argument is wrong, the images cannot be used, or ``out`` holds a run.
        OSError: Something is missing, or cannot be written.
        FloatingPointError: A loss was not finite.
    """
    started = time.monotonic()
    check_formats(export)
    images = Path(os.path.abspath(Path(folder).expanduser()))
    place = Path(out).expanduser() if out is not None else Path("work_dirs") / f"pretrain_{images.name}"
    run = RunFolder(Path(os.path.abspath(place)))
    console = terminal()
    request = Request(
        images=str(images),
        arch=arch,
        weights=None if os.fspath(weights) == NO_WEIGHTS else os.fspath(weights),
        duration=parse_duration(duration) if isinstance(duration, str) else duration,
        epochs=epochs,
        size=size,
        repeats=None if repeats == 1 else repeats,
    )
    if resume:
        if overwrite:
            raise ValueError("--resume goes on with a run and --overwrite removes it: give one of them")
        run.resume()
        request.check_same(run.data)
    interrupted = resume and not run.config.is_file()  # before its training began: it starts anew
    if resume and not interrupted:
        check_images(run.data, images)
    else:
        command = command or f"cnxv2_mm.pretrain({os.fspath(folder)!r}, ...)"
        prepare(run, request, command, console, overwrite=overwrite or interrupted)
    runner = run_config_file(run, resume=resume and not interrupted)
    return _finish(run, runner, export, started, console)


def _finish(run: RunFolder, runner: Runner, export: Sequence[str], started: float, console: Console) -> Pretraining:
    """Write the encoder and its card, and say what was measured and what can be done next."""
    content = json.loads(run.settings.read_text(encoding="utf-8"))
    settings = [Setting(**setting) for setting in content["settings"]]
    facts = json.loads((run.data / FACTS).read_text(encoding="utf-8"))
    measures = read_measures(run.work)
    write_encoder(runner.model.backbone, run, facts["metadata"])
    exported = export_encoder(run, export)
    licence = facts["metadata"].get("start_licence")
    write_model_card(
        run, facts["title"], facts["data"], licence, settings, measures, content["command"], content["next"]
    )
    refresh_page(runner)
    console.print()
    console.print(verdict(measures), soft_wrap=True)
    console.print(f"The encoder is {short(run.encoder)}, and {short(run.card)} describes it.", soft_wrap=True)
    for file in exported:
        console.print(f"The same for another library: {short(file)}", soft_wrap=True)
    console.print("Next:")
    for line in content["next"]:
        console.print(f"  {line}", soft_wrap=True)
    return Pretraining(
        encoder=run.encoder,
        exported=tuple(exported),
        config=run.config,
        report=run.report,
        loss_first=measures.first["loss"],
        loss_last=measures.last["loss"],
        loss_of_patch_means=measures.last["patch_mean_loss"],
        rank_me=measures.last["rank_me"],
        steps=runner.max_iters,
        seconds=time.monotonic() - started,
    )


def verdict(measures: Measures) -> str:
    """Return in words whether the encoder has learnt something."""
    before, after, mean = measures.first["loss"], measures.last["loss"], measures.last["patch_mean_loss"]
    learnt = "has learnt" if after < LEARNT * mean else "has learnt little: train longer, or give it more images"
    return (
        f"Images that it did not see: loss {before:.3f} before, {after:.3f} now; painting each hidden patch in its "
        f"mean colour has {mean:.3f}. The encoder {learnt}."
    )
