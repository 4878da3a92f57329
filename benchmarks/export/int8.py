"""INT8 of a trained classifier and its backbone: what onnxruntime's static quantisation costs and gives.

    python -m benchmarks.export.int8 work_dirs/demo/classify
    python -m benchmarks.export.int8 work_dirs/demo/classify --images 64 --json int8.json

Both are exported to ONNX and quantised with images of the training data: 8 bits for weights, with a scale for each
channel, and for what goes in. Four choices of what is quantised are compared with float32 on the validation data: the
top-1 accuracy of the classifier, the cosine between the features of the backbone, the size of the file, milliseconds.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, init_default_scope
from mmengine.runner import load_checkpoint
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from rich.table import Table

from benchmarks.speed.timing import time_in_turn
from cnxv2_mm import command_line, load_backbone
from cnxv2_mm.config.load import load_config
from cnxv2_mm.export.models.backbone import Backbone
from cnxv2_mm.export.models.classifier import Classifier
from cnxv2_mm.export.onnx_file import OnnxModel, write_onnx
from cnxv2_mm.export.picture import Picture
from cnxv2_mm.export.program import INPUT, record
from cnxv2_mm.export.whole_model import WholeModel
from cnxv2_mm.prediction.statistics import find_statistics

_PRODUCTS = ["Conv", "MatMul", "Gemm"]
FLOAT = "nothing (float32)"
# What is quantised -> the types of operations, None for all that onnxruntime knows, and whether the products behind GRN
# are left in float32.
CHOICES: dict[str, tuple[list[str] | None, bool]] = {
    "all operations": (None, False),
    "convolutions and matrix products": (_PRODUCTS, False),
    "those, but for the products behind GRN": (_PRODUCTS, True),
    "matrix products, but for those behind GRN": (_PRODUCTS[1:], True),
}


@dataclass(frozen=True)
class Row:
    """One file.

    Attributes:
        model: 'classifier' or 'backbone'.
        quantised: What of it is quantised: a name in :data:`CHOICES`, or :data:`FLOAT`.
        accuracy: Top-1 on the validation images, 0 to 1; None of a backbone.
        agreement: The share of the validation images to which it gives the same class as in float32; None of a
            backbone.
        cosine: Mean over the validation images of the cosine between its features and those in float32; None of a
            classifier.
        least_cosine: The smallest of them.
        size: Bytes.
        milliseconds: Median for one picture, with onnxruntime's own choice of threads.
    """

    model: str
    quantised: str
    accuracy: float | None
    agreement: float | None
    cosine: float | None
    least_cosine: float | None
    size: int
    milliseconds: float


class _Pictures(CalibrationDataReader):
    """Hands the pictures to onnxruntime, one after another."""

    def __init__(self, pictures: np.ndarray) -> None:
        self._left: Iterator[np.ndarray] = iter(pictures)

    def get_next(self) -> dict[str, np.ndarray] | None:
        picture = next(self._left, None)
        return None if picture is None else {INPUT: picture[None]}


def read_pictures(config: Config, part: str, most: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures as the validation reads them, (N, height, width, 3) RGB, and the number of the class of each.

    Args:
        config: The config of an mmpretrain classifier.
        part: 'train' or 'val': whose pictures.
        most: How many at the most, evenly spread over the data set; None for all.
    """
    wanted = config[f"{part}_dataloader"].dataset
    dataset: Any = DATASETS.build({**wanted, "pipeline": config.val_dataloader.dataset.pipeline})
    places = np.unique(np.linspace(0, len(dataset) - 1, most or len(dataset)).astype(int))
    found = [dataset[int(place)] for place in places]
    pictures = np.stack([one["inputs"].numpy()[::-1].transpose(1, 2, 0) for one in found])  # BGR -> RGB
    return np.ascontiguousarray(pictures), np.array([int(one["data_samples"].gt_label) for one in found])


def quantise(file: Path, quantised: Path, pictures: np.ndarray, choice: str) -> None:
    """Write an ONNX file in INT8, with scales that fit the pictures.

    Args:
        file: The file in float32.
        quantised: Where to write it.
        pictures: (N, height, width, 3).
        choice: A name in :data:`CHOICES`.
    """
    kinds, without_grn = CHOICES[choice]
    prepared = quantised.with_suffix(".prepared.onnx")  # its operations merged, as onnxruntime asks for
    quant_pre_process(file, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        quantised,
        _Pictures(pictures),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=kinds,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=products_behind_grn(prepared) if without_grn else [],
    )


def products_behind_grn(file: Path) -> list[str]:
    """Return the names of the matrix products from four times the width of a block back to its width."""
    graph = onnx.load(file).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    # onnxruntime's preparation makes Gemm of a MatMul and the Add behind it.
    products = [node for node in graph.node if node.op_type in ("MatMul", "Gemm")]
    weights = {node.name: shapes.get(node.input[1], ()) for node in products}
    return [name for name, shape in weights.items() if len(shape) == 2 and shape[0] == 4 * shape[1]]


def whole_models(folder: Path, config: Config) -> dict[str, WholeModel]:
    """Return the classifier of a run of ``cnxv2 finetune classify``, and its backbone."""
    model = MODELS.build(config.model).eval()
    load_checkpoint(model, str(folder / "model.pth"), map_location="cpu", strict=True, logger="silent")
    classifier = WholeModel(Picture(model.data_preprocessor, reads_rgb=False), Classifier(model))
    backbone = Backbone(
        load_backbone(folder, out_indices=(3,), gap_before_final_norm=True), find_statistics(str(folder), 3)
    )
    return {"classifier": classifier, "backbone": WholeModel(Picture(backbone.preprocessor, reads_rgb=True), backbone)}


def measure(folder: Path, calibration: int, work: Path, seconds: float) -> list[Row]:
    """Export, quantise, compare and time.

    Args:
        folder: Of the run: its ``config.py`` and ``model.pth``.
        calibration: How many training images the scales are taken from.
        work: Where files are written.
        seconds: How long each is timed at least.
    """
    config = load_config(str(folder / "config.py"))
    init_default_scope(config.default_scope)
    seen, _ = read_pictures(config, "train", calibration)
    pictures, labels = read_pictures(config, "val", None)
    rows = []
    for name, whole in whole_models(folder, config).items():
        files = {FLOAT: work / f"{name}.onnx"}
        program = record(whole, torch.from_numpy(pictures[:1]), dynamic=False)
        write_onnx(program, files[FLOAT], [output.name for output in whole.model.outputs], {})
        for number, choice in enumerate(CHOICES):
            files[choice] = work / f"{name}_{number}.onnx"
            quantise(files[FLOAT], files[choice], seen, choice)
        models = {choice: OnnxModel(file) for choice, file in files.items()}
        found = {
            choice: np.concatenate([next(iter(model(picture[None]).values())) for picture in pictures])
            for choice, model in models.items()
        }
        calls = [_call(model, pictures[:1]) for model in models.values()]
        times = time_in_turn(calls, 7, 3, torch.device("cpu"), seconds / 7)
        for (choice, values), measured in zip(found.items(), times, strict=True):
            classes = values.argmax(1) if name == "classifier" else None
            cosines = None if name == "classifier" else cosine(found[FLOAT], values)
            rows.append(
                Row(
                    model=name,
                    quantised=choice,
                    accuracy=None if classes is None else float((classes == labels).mean()),
                    agreement=None if classes is None else float((classes == found[FLOAT].argmax(1)).mean()),
                    cosine=None if cosines is None else float(cosines.mean()),
                    least_cosine=None if cosines is None else float(cosines.min()),
                    size=files[choice].stat().st_size,
                    milliseconds=1000 * float(np.median(measured)),
                )
            )
    return rows


def cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the cosine between the rows of two matrices (N, D)."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(axis=1) / lengths)


def _call(model: OnnxModel, picture: np.ndarray) -> Any:
    return lambda: model(picture)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export.int8", description="Measure INT8.")
    parser.add_argument("folder", type=Path, help="the folder of a run of cnxv2 finetune classify")
    parser.add_argument("--images", type=int, default=256, help="training images for the scales (default: %(default)s)")
    parser.add_argument("--least-seconds", type=float, default=2.0, metavar="S", help="of each timing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    command_line.add_traceback_option(parser)
    args = parser.parse_args(argv)
    with TemporaryDirectory() as work:
        rows = measure(args.folder, args.images, Path(work), args.least_seconds)
    table = Table("model", "in INT8", "top-1", "same class", "cosine, mean", "least", "KB", "ms")
    for row in rows:
        numbers = (row.accuracy, row.agreement, row.cosine, row.least_cosine)
        shares = ("" if number is None else f"{number:.4f}" for number in numbers)
        table.add_row(row.model, row.quantised, *shares, f"{row.size / 1000:.0f}", f"{row.milliseconds:.2f}")
    command_line.console(width=None if sys.stdout.isatty() else 120).print(table)
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    command_line.run("benchmarks.export.int8", main)
