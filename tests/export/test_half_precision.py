"""Files in half precision hold float16 weights, and survive activations whose squares float16 cannot hold."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from onnxruntime.transformers.float16 import convert_float_to_float16
from sklearn.datasets import load_sample_image
from torch import Tensor, nn

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.export.half_precision import half_precision, store_in_half_precision
from cnxv2_mm.export.models.backbone import Backbone
from cnxv2_mm.export.onnx_file import OnnxModel, write_onnx
from cnxv2_mm.export.picture import Picture
from cnxv2_mm.export.program import record
from cnxv2_mm.export.whole_model import WholeModel
from cnxv2_mm.prediction.statistics import Statistics
from cnxv2_mm.zoo.weight import IMAGENET_MEAN, IMAGENET_STD

PICTURE = torch.from_numpy(load_sample_image("china.jpg")[None, :128, :160].copy())
LARGEST = torch.finfo(torch.float16).max
NAMES = ("stage1", "stage2", "stage3", "stage4")


def build() -> ConvNeXtV2:
    """Return a backbone in which two channels of each GRN reach thousands, as in trained networks."""
    torch.manual_seed(0)
    backbone = ConvNeXtV2({"depths": (1, 1, 1, 1), "channels": (16, 32, 64, 128)}).eval().requires_grad_(False)
    for module in backbone.modules():
        if hasattr(module, "grn"):
            nn.init.normal_(module.grn.gamma, std=0.05)
            nn.init.normal_(module.grn.beta, std=0.5)
            module.pwconv1.weight[:2] *= 6000
            module.pwconv2.weight[:, :2] /= 6000
    return backbone


def whole(backbone: ConvNeXtV2, *, fp16: bool) -> WholeModel:
    model = Backbone(backbone, Statistics(IMAGENET_MEAN, IMAGENET_STD, "ImageNet's"))
    return WholeModel(Picture(model.preprocessor, reads_rgb=True), model, fp16=fp16)


class OfficialGRN(nn.Module):
    """GRN as facebookresearch/ConvNeXt-V2 @ 2553895 computes it: sums in the type of the cells."""

    def __init__(self, grn: nn.Module) -> None:
        super().__init__()
        self.gamma, self.beta = grn.gamma, grn.beta

    def forward(self, x: Tensor, layout: object) -> Tensor:
        norm = torch.norm(x, p=2, dim=(1, 2), keepdim=True)
        return self.gamma * (x * norm / (norm.mean(dim=-1, keepdim=True) + 1e-6)) + self.beta + x


def errors(found: object, expected: tuple[Tensor, ...]) -> list[float]:
    """Return the largest difference of each map, as a share of its largest number."""
    pairs = zip(found, expected, strict=True)  # type: ignore[call-overload]
    return [float((torch.as_tensor(np.asarray(one)).float() - two).abs().max() / two.abs().max()) for one, two in pairs]


@pytest.fixture(scope="module")
def backbone() -> ConvNeXtV2:
    return build()


@pytest.fixture(scope="module")
def expected(backbone: ConvNeXtV2) -> tuple[Tensor, ...]:
    with torch.no_grad():
        return whole(backbone, fp16=False).reference(PICTURE)


@pytest.fixture(scope="module")
def files(backbone: ConvNeXtV2, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the model as ONNX files: float32, ours in half precision, and float32 that was converted blindly."""
    folder = tmp_path_factory.mktemp("half")
    found = {name: folder / f"{name}.onnx" for name in ("float32", "ours", "naive")}
    write_onnx(record(whole(backbone, fp16=False), PICTURE, dynamic=False), found["float32"], NAMES, {})
    write_onnx(record(whole(backbone, fp16=True), PICTURE, dynamic=False), found["ours"], NAMES, {})
    onnx.save(convert_float_to_float16(onnx.load(found["float32"]), keep_io_types=True), found["naive"])
    return found


def test_activations_are_large(backbone: ConvNeXtV2) -> None:
    """What the other tests are about: numbers that float16 holds, with sums of squares that it does not."""
    seen: list[Tensor] = []
    network = deepcopy(backbone)
    for module in network.modules():
        if hasattr(module, "grn"):
            module.grn.register_forward_hook(lambda _, inputs, output: seen.extend((inputs[0], output)))
    whole(network, fp16=False)(PICTURE)
    peaks = [float(x.abs().max()) for x in seen]
    assert len(peaks) == 8
    assert all(500 < peak < LARGEST for peak in peaks), peaks
    squares = [float(x.double().square().sum((1, 2)).max()) for x in seen[::2]]
    assert all(square > 10 * LARGEST for square in squares), squares


def test_onnxruntime_and_openvino(files: dict[str, Path], expected: tuple[Tensor, ...]) -> None:
    assert max(errors(OnnxModel(files["float32"])(PICTURE.numpy()).values(), expected)) < 1e-5
    assert max(errors(OnnxModel(files["ours"])(PICTURE.numpy()).values(), expected)) < 5e-3
    compiled = openvino.compile_model(openvino.convert_model(files["ours"]), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled([PICTURE.numpy()])
    assert max(errors([found[output] for output in compiled.outputs], expected)) < 5e-3


def test_with_the_arithmetic_that_the_file_names(files: dict[str, Path], expected: tuple[Tensor, ...]) -> None:
    """Each operation in the type that the file gives it, as on a GPU.

    onnxruntime computes most of them in float32 on a CPU, where a file that overflows elsewhere looks sound. ONNX's own
    evaluator is slow: a small picture's worth.
    """
    found = ReferenceEvaluator(str(files["ours"])).run(None, {"image": PICTURE.numpy()})
    assert max(errors(found, expected)) < 1e-2
    with np.errstate(all="ignore"):
        naive = ReferenceEvaluator(str(files["naive"])).run(None, {"image": PICTURE.numpy()})
    assert not all(np.isfinite(one).all() for one in naive)


def test_official_grn_in_float16_overflows(backbone: ConvNeXtV2, expected: tuple[Tensor, ...]) -> None:
    network = deepcopy(backbone)
    for module in list(network.modules()):
        if hasattr(module, "grn"):
            module.grn = OfficialGRN(module.grn)
    images = whole(backbone, fp16=False).picture(PICTURE)
    assert max(errors(network(images), expected)) < 1e-5
    assert not all(one.isfinite().all() for one in network.half()(images.half()))


def test_the_file_holds_float16(files: dict[str, Path], backbone: ConvNeXtV2) -> None:
    kept = [t for t in onnx.load(files["ours"]).graph.initializer if t.data_type == onnx.TensorProto.FLOAT]
    # Of float32 only norms and GRN's gamma are left, vectors, and the mean and std of pictures.
    assert all(np.prod(tensor.dims) == max([1, *tensor.dims]) for tensor in kept)
    weights = sum(p.numel() for p in backbone.parameters())
    assert files["float32"].stat().st_size - files["ours"].stat().st_size > 1.9 * weights  # bytes


def test_the_same_results_to_the_last_bit(backbone: ConvNeXtV2) -> None:
    program = torch.export.export(whole(backbone, fp16=True), (PICTURE,), strict=False)
    assert program.state_dict["model.model.stages.0.0.dwconv.weight"].dtype == torch.float32
    before = program.module()(PICTURE)
    stored = store_in_half_precision(program)
    for one, other in zip(stored.module()(PICTURE), before, strict=True):
        assert torch.equal(one, other)
    state = stored.state_dict
    for name in ("stages.0.0.dwconv.weight", "stages.3.0.pwconv2.weight", "downsample_layers.0.0.weight"):
        assert state[f"model.model.{name}"].dtype == torch.float16
    for name in ("stages.0.0.norm.weight", "stages.0.0.grn.gamma", "norm3.weight"):
        assert state[f"model.model.{name}"].dtype == torch.float32
    assert all(parameter.dtype == torch.float32 for parameter in backbone.parameters())


class Attention(nn.Module):
    """Weights that are split before they are rounded, and one that is also used in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.both = nn.Linear(16, 16)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with half_precision():
            found = self.attention(x, y, y, need_weights=False)[0]
            average = found.mean(dim=1)
            return self.both(found).float(), average, self.both.weight * 1.0001


def test_weights_in_parts_and_weights_of_two_uses() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(2, 5, 16), torch.randn(2, 7, 16)
    program = torch.export.export(Attention().eval(), inputs)
    before = program.module()(*inputs)
    stored = store_in_half_precision(program)
    for one, other in zip(stored.module()(*inputs), before, strict=True):
        assert torch.equal(one, other)
    assert before[1].dtype == torch.float32  # averages are taken in float32
    assert stored.state_dict["attention.in_proj_weight"].dtype == torch.float16
    assert stored.state_dict["both.weight"].dtype == torch.float32
    assert stored.state_dict["both.bias"].dtype == torch.float16


def test_stored_and_loaded_again(backbone: ConvNeXtV2, tmp_path: Path) -> None:
    program = record(whole(backbone, fp16=True), PICTURE, dynamic=False)
    torch.export.save(program, tmp_path / "half.pt2")
    loaded = torch.export.load(tmp_path / "half.pt2").module()
    for one, other in zip(loaded(PICTURE), program.module()(PICTURE), strict=True):
        assert torch.equal(one, other)
