"""The whole way of an export: load, record, write, compare with the model, and only then give the file its name."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor
from torch.export import ExportedProgram

from cnxv2_mm.arguments import check_count
from cnxv2_mm.export.comparison import compare
from cnxv2_mm.export.differences import Difference, largest
from cnxv2_mm.export.exported_model import ExportedModel
from cnxv2_mm.export.metadata import describe, resize_steps
from cnxv2_mm.export.onnx_file import write_onnx
from cnxv2_mm.export.openvino_file import write_openvino
from cnxv2_mm.export.packages import package
from cnxv2_mm.export.photographs import find_photographs, pictures, pipeline_size
from cnxv2_mm.export.picture import Picture
from cnxv2_mm.export.program import record, sides
from cnxv2_mm.export.program_file import write_program
from cnxv2_mm.export.subject import load_subject
from cnxv2_mm.export.whole_model import WholeModel
from cnxv2_mm.prediction.out_folder import make_folder
from cnxv2_mm.prediction.source import Source
from cnxv2_mm.whole_file import whole_files

# Target -> the ending of its file, and the packages that write and run it.
TARGETS = {
    "onnx": (".onnx", ("onnx", "onnxscript", "onnxruntime")),
    "torch-export": (".pt2", ()),
    "openvino": (".xml", ("onnx", "onnxscript", "openvino")),
}


@dataclass(frozen=True)
class Export:
    """What came of an export.

    Attributes:
        file: The file; OpenVINO's ``.xml`` has a ``.bin`` beside it.
        files: It, and those that belong to it.
        outputs: Of each output its name and the shape that it had for the first image.
        differences: The largest differences from the model over all images.
        shape: Of the input; names stand for numbers that are free.
        images: The images that were compared.
        size: Of all files together, in bytes.
        seconds: How long it took, from loading to the name of the file.
    """

    file: Path
    files: tuple[Path, ...]
    outputs: dict[str, tuple[int, ...]]
    differences: tuple[Difference, ...]
    shape: tuple[int | str, ...]
    images: tuple[Path, ...]
    size: int
    seconds: float


def export(
    source: str | os.PathLike[str] | Source,
    target: str,
    *,
    size: tuple[int, int] | None = None,
    dynamic: bool = False,
    fp16: bool = False,
    logits: bool = False,
    images: Sequence[str | os.PathLike[str]] = (),
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> Export:
    """Write a model with its pre- and post-processing as a file of another runtime, with the same numbers.

    >>> cnxv2_mm.export_model("runs/beans", "onnx").file

    The file is run on real images beside the model. It gets its name only if all outputs are within the tolerances
    of :mod:`cnxv2_mm.export.differences`, or as near as :mod:`cnxv2_mm.export.comparison` shows the model to be to
    itself.

    Args:
        source: The folder of a run; ``Source(config, checkpoint)``; or, of a backbone alone, what
            :func:`cnxv2_mm.load_backbone` takes.
        target: 'onnx', 'torch-export' or 'openvino'.
        size: Height and width of the images, in pixels. Without it and ``dynamic``: the one that the config's test
            pipeline makes of every image; if it depends on the image, any.
        dynamic: Whether the file takes images of any size, and, unless it is a detector, any number of them.
        fp16: Whether convolutions and matrix products are computed in float16.
        logits: Whether a segmentor gives the logits of each class.
        images: Image files and folders to compare with. Without them: of the config's tests, if they are on this
            machine, else a photograph that comes with matplotlib.
        out: The file; by default the name of the source in the working folder.
        overwrite: Whether the file may be replaced.

    Raises:
        ValueError: An argument is wrong, or the model cannot be exported, or the file's numbers are not the model's.
        FileNotFoundError: A file that is named does not exist.
        ImportError: A package of ``cnxv2_mm[export]`` is missing.
    """
    start = time.perf_counter()
    ending = _check(target, size, dynamic)
    if out is not None:
        _check_out(Path(out), ending, overwrite)
    subject = load_subject(source, logits=logits)
    file = Path(out) if out is not None else Path(f"{subject.name}{ending}")
    _check_out(file, ending, overwrite)
    make_folder(file.parent)
    resize_steps(subject.config)  # refuses a pipeline before the long part
    files = find_photographs(images, subject.config)
    if not dynamic and size is None:
        size = pipeline_size(subject.pipeline, files[0])
    shown = pictures(subject, files, size, getattr(subject.model.model, "in_channels", 3))
    reads_rgb = subject.pipeline is None or subject.pipeline.reads_rgb
    picture = Picture(subject.preprocessor, reads_rgb=reads_rgb, channels=shown[0].shape[3])
    whole = WholeModel(picture, subject.model, fp16=fp16)
    program = record(whole, shown[0], dynamic=size is None)
    limits = sides(program)
    _check_sides(shown, files, limits)
    metadata = describe(subject, shown[0], limits, dynamic=size is None, fp16=fp16)
    if size is None and subject.model.takes_batches:
        shown.append(torch.cat([shown[0], shown[0].flip(2)]))
    with whole_files(file) as folder:
        part = folder / file.name
        _write(target, program, part, [output.name for output in subject.model.outputs], metadata, fp16)
        exported = ExportedModel(part)
        found = _compare(whole, exported, shown)
        outputs = {name: value.shape for name, value in exported(shown[0].numpy()).items()}
        names = sorted(path.name for path in folder.iterdir())
        _check_differences(found, target)
    written = tuple(file.with_name(name) for name in names)
    return Export(
        file=file,
        files=written,
        outputs=outputs,
        differences=tuple(found),
        shape=tuple(exported.metadata["input"]["shape"]),
        images=tuple(files),
        size=sum(path.stat().st_size for path in written),
        seconds=time.perf_counter() - start,
    )


def _check(target: str, size: tuple[int, int] | None, dynamic: bool) -> str:
    """Check the arguments before anything is loaded; return the ending of the target's file."""
    if target not in TARGETS:
        raise ValueError(f"--to {target} is unknown; choose one of {', '.join(TARGETS)}")
    if size is not None and dynamic:
        raise ValueError("--size and --dynamic exclude each other: a file takes images of one size, or of any")
    for side in size or ():
        check_count("--size", side)
    ending, packages = TARGETS[target]
    for name in packages:
        package(name)
    return ending


def _check_out(file: Path, ending: str, overwrite: bool) -> None:
    if file.suffix != ending:
        raise ValueError(f"--out {file} has to end in {ending}")
    if file.exists() and not overwrite:
        raise ValueError(f"--out {file} exists: give another, or replace it with --overwrite")


def _check_sides(shown: Sequence[Tensor], files: Sequence[Path], limits: Sequence[tuple[int, int | None]]) -> None:
    """Refuse to compare images that the file does not take."""
    for image, file in zip(shown, files, strict=False):  # behind them, images made of the first
        for side, (low, high), name in zip(image.shape[1:3], limits, ("height", "width"), strict=True):
            if side < low or (high is not None and side > high):
                raise ValueError(
                    f"{file} has a {name} of {side} pixels behind the test pipeline, and the recorded program takes "
                    f"{low} or more: give larger --images, the first of which it is recorded with, or a --size"
                )


def _write(
    target: str, program: ExportedProgram, file: Path, outputs: list[str], metadata: dict[str, str], fp16: bool
) -> None:
    if target == "torch-export":
        write_program(program, file, metadata)
    elif target == "onnx":
        write_onnx(program, file, outputs, metadata)
    else:
        with TemporaryDirectory() as folder:
            onnx = Path(folder, "model.onnx")
            write_onnx(program, onnx, outputs, {})
            write_openvino(onnx, file, metadata, fp16=fp16)


@torch.no_grad()
def _compare(whole: WholeModel, exported: ExportedModel, shown: Sequence[Tensor]) -> list[Difference]:
    all_images = []
    for image in shown:
        expected = [value.numpy() for value in whole.reference(image)]
        by_name = exported(image.numpy())
        found = [by_name[output.name] for output in whole.model.outputs]
        all_images.append(compare(whole, image, expected, found))
    return largest(all_images)


def _check_differences(found: Sequence[Difference], target: str) -> None:
    beyond = [
        f"{one.name} by {one.largest:.2g}{' ' * bool(one.unit)}{one.unit} (allowed: {one.tolerance:g})"
        for one in found
        if not one.is_within
    ]
    if beyond:
        raise ValueError(f"the {target} file differs from the model: {', '.join(beyond)}; no file is kept")
