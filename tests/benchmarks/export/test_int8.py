"""INT8: what is said to be quantised is, and the measures are right."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from sklearn.datasets import load_sample_image
from torch.nn import functional as F

from benchmarks.export.int8 import CHOICES, cosine, products_behind_grn, quantise
from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.export.models.backbone import Backbone
from cnxv2_mm.export.onnx_file import OnnxModel, write_onnx
from cnxv2_mm.export.picture import Picture
from cnxv2_mm.export.program import record
from cnxv2_mm.export.whole_model import WholeModel
from cnxv2_mm.prediction.statistics import Statistics
from cnxv2_mm.zoo.weight import IMAGENET_MEAN, IMAGENET_STD

PHOTOGRAPH = load_sample_image("china.jpg")
PICTURES = np.stack([PHOTOGRAPH[30 * i : 30 * i + 64, 40 * i : 40 * i + 64] for i in range(8)])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    arch = {"depths": (1, 1, 1, 1), "channels": (16, 32, 64, 128)}
    network = ConvNeXtV2(arch, out_indices=(3,), gap_before_final_norm=True).eval().requires_grad_(False)
    backbone = Backbone(network, Statistics(IMAGENET_MEAN, IMAGENET_STD, "ImageNet's"))
    whole = WholeModel(Picture(backbone.preprocessor, reads_rgb=True), backbone)
    path = tmp_path_factory.mktemp("int8") / "float32.onnx"
    write_onnx(record(whole, torch.from_numpy(PICTURES[:1]), dynamic=False), path, ["stage4"], {})
    return path


def quantised_inputs(file: Path) -> dict[str, set[str]]:
    """Return the names of the nodes of each type that take INT8 numbers."""
    nodes = onnx.load(file).graph.node
    unpacked = {node.output[0] for node in nodes if node.op_type == "DequantizeLinear"}
    found: dict[str, set[str]] = {}
    for node in nodes:
        if unpacked.issuperset(node.input[:2]):
            found.setdefault(node.op_type, set()).add(node.name)
    return found


@pytest.mark.parametrize("choice", list(CHOICES))
def test_what_is_quantised(choice: str, file: Path, tmp_path: Path) -> None:
    kinds, without_grn = CHOICES[choice]
    quantise(file, tmp_path / "int8.onnx", PICTURES, choice)
    found = quantised_inputs(tmp_path / "int8.onnx")
    excluded = set(products_behind_grn(tmp_path / "int8.prepared.onnx"))
    assert len(excluded) == 4
    products = found.get("MatMul", set()) | found.get("Gemm", set())
    assert len(products - excluded) >= 4
    assert bool(products & excluded) is not without_grn
    assert ("Conv" in found) is (kinds is None or "Conv" in kinds)
    assert (tmp_path / "int8.onnx").stat().st_size < file.stat().st_size
    features = [
        np.concatenate([OnnxModel(path)(picture[None])["stage4"] for picture in PICTURES])
        for path in (file, tmp_path / "int8.onnx")
    ]
    assert cosine(*features).min() > 0.99
    assert not np.allclose(*features, rtol=0, atol=1e-4)


def test_cosine() -> None:
    one, other = (torch.randn(5, 7, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    np.testing.assert_allclose(
        cosine(one.numpy(), other.numpy()), F.cosine_similarity(one, other).numpy(), rtol=1e-5, atol=1e-6
    )
