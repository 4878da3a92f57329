"""Recording a model with ``torch.export``: the one program that all targets are made of."""

import linecache
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from cnxv2_mm.export.half_precision import store_in_half_precision
from cnxv2_mm.export.quiet import quiet
from cnxv2_mm.export.whole_model import WholeModel

INPUT = "image"
_TORCH, _OURS = Path(torch.__file__).parent, Path(__file__).parent
_SHOWN = 200  # letters of the reason


@torch.no_grad()
def record(model: WholeModel, example: Tensor, *, dynamic: bool) -> ExportedProgram:
    """Record what a model does.

    Args:
        model: The model; with ``fp16`` the program holds the weights that it uses as float16 as float16.
        example: Pictures, (N, height, width, C), as the file will get them.
        dynamic: Whether height and width, and N where the model takes batches, may have other values than those of
            ``example`` (:func:`sides`). If not, the file takes exactly this shape.

    Raises:
        ValueError: An operation of the model cannot be recorded; the message names it, its module and the reason.
    """
    shapes = None
    if dynamic:
        axes = {1: Dim.AUTO, 2: Dim.AUTO}
        if model.model.takes_batches:
            axes[0] = Dim.AUTO
            if len(example) == 1:  # torch.export takes a length of 1 for one that never changes
                example = example.repeat(2, 1, 1, 1)
        shapes = (axes,)
    try:
        with quiet():
            program = torch.export.export(model, (example,), dynamic_shapes=shapes, strict=False)
    except Exception as error:  # of any class: an operation that is not known, a number that depends on the data
        if isinstance(error, ValueError) and _is_ours(error):
            raise
        raise ValueError(_explanation(model, error)) from error
    if dynamic:
        for name, (low, high) in zip(("height", "width"), sides(program), strict=True):
            if low == high:
                raise ValueError(
                    f"{_class(model.model.model)} cannot be exported with --dynamic: recorded at a {name} of "
                    f"{low}, it takes no other; export it with --size, or from larger images"
                )
        _check_another_size(model, program, example)
    return store_in_half_precision(program) if model.fp16 else program


def _check_another_size(model: WholeModel, program: ExportedProgram, example: Tensor) -> None:
    """Refuse a program that an operation has tied to the size of the example, which :func:`sides` does not show.

    A deformable convolution of mmcv, for instance, makes numbers of the sides of its map. torch.export checks them each
    time that the program runs; a file of another runtime would give other numbers without a word.
    """
    height, width = example.shape[1:3]
    larger = example.repeat(1, 2, 2, 1)[:, : height + (height + 3) // 4, : width + (width + 1) // 2]
    try:
        with quiet():
            program.module()(larger)
    except Exception as error:
        raise ValueError(
            f"{_class(model.model.model)} cannot be exported with --dynamic: an operation of it keeps the size "
            f"{height} x {width} that it was recorded with ({' '.join(str(error).split())[:_SHOWN]}); export it with "
            "--size"
        ) from error


def sides(program: ExportedProgram) -> list[tuple[int, int | None]]:
    """Return the smallest and the largest height, then width, that a program takes, in pixels; None is no limit.

    Where the model was recorded decides about the smallest: of pictures so small that a map has a single row the
    program would be another one.
    """
    (image,) = (node for node in program.graph.nodes if node.name == program.graph_signature.user_inputs[0])
    found: list[tuple[int, int | None]] = []
    for side in image.meta["val"].shape[1:3]:
        if isinstance(side, int):
            found.append((side, side))
            continue
        symbols = side.node.expr.free_symbols
        ranges = {symbol: program.range_constraints[symbol] for symbol in symbols}
        low = int(side.node.expr.subs({symbol: limits.lower for symbol, limits in ranges.items()}))
        high = side.node.expr.subs({symbol: limits.upper for symbol, limits in ranges.items()})
        found.append((low, int(high) if high.is_Integer else None))
    return found


def _is_ours(error: Exception) -> bool:
    """Whether the code of this folder has raised an error: it names the reason itself."""
    frames = traceback.extract_tb(error.__traceback__)
    return Path(frames[-1].filename).is_relative_to(_OURS)


def _explanation(model: WholeModel, error: Exception) -> str:
    """Return in one line which operation of which module cannot be recorded, and why."""
    module, place = _class(model.model.model), ""
    for cause in _causes(error):
        for frame, line in traceback.walk_tb(cause.__traceback__):
            if Path(frame.f_code.co_filename).is_relative_to(_TORCH):
                continue
            place = f"{linecache.getline(frame.f_code.co_filename, line).strip()!r} ({_name(frame)}:{line})"
            if isinstance(inside := frame.f_locals.get("self"), nn.Module):
                module = type(inside).__name__
    reason = " ".join(_first_paragraph(str(list(_causes(error))[-1])).split())[:_SHOWN] or type(error).__name__
    inside_of = f"{_class(model.model.model)} cannot be exported: "
    return f"{inside_of}torch.export cannot record {place or 'it'} of {module}: {reason}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that led to it, the first of them last."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__


def _first_paragraph(text: str) -> str:
    return text.strip().partition("\n\n")[0].partition("\n(")[0]


def _name(frame: FrameType) -> str:
    return Path(frame.f_code.co_filename).name


def _class(model: object) -> str:
    return type(model).__name__
