"""Modules that somebody replaced or listens to are called; recordings hold PyTorch's own operations only."""

import io
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.kernels import dispatch, leave_to_compiler, may_bypass
from cnxv2_mm.kernels.dispatch import runs_triton
from tests.conftest import photographs, relative_error, wake_grn
from tests.layouts.contract import ARCH


@pytest.fixture
def backbone() -> ConvNeXtV2:
    return wake_grn(ConvNeXtV2(ARCH, out_indices=(3,)))


@pytest.mark.parametrize("name", ["dwconv", "pwconv1", "grn", "pwconv2"])
def test_a_hooked_module_is_called_and_the_numbers_stay(backbone, name):
    images = photographs(1)
    (before,) = backbone(images)
    calls = []
    handle = backbone.stages[2][1].get_submodule(name).register_forward_hook(lambda *_: calls.append(1))
    (after,) = backbone(images)
    assert calls == [1]
    assert relative_error(after, before) < 1e-5
    handle.remove()
    assert torch.equal(backbone(images)[0], before)


def test_a_hooked_stem_is_called_and_the_numbers_stay(backbone):
    images = photographs(1, size=(98, 67))  # pixels at the edge that fill no cell
    (before,) = backbone(images)
    calls = []
    backbone.downsample_layers[0][0].register_forward_hook(lambda *_: calls.append(1))
    (after,) = backbone(images)
    assert calls == [1]
    assert relative_error(after, before) < 1e-5


@pytest.mark.parametrize("name", ["dwconv", "pwconv1", "grn", "pwconv2"])
@pytest.mark.parametrize("kind", ["forward_hook", "forward_pre_hook", "full_backward_hook", "full_backward_pre_hook"])
def test_a_hook_of_any_kind_is_called(backbone, name, kind):
    calls = []
    register = getattr(backbone.stages[2][1].get_submodule(name), f"register_{kind}")
    register(lambda *_: calls.append(1))
    backbone(photographs(1))[0].sum().backward()
    assert calls == [1]


@pytest.mark.parametrize("name", ["dwconv", "pwconv1", "grn", "pwconv2"])
def test_a_replaced_module_is_called(backbone, name):
    class Reversed(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, *inputs: object) -> torch.Tensor:
            return self.inner(*inputs).flip(-1)

    images = photographs(1)
    (before,) = backbone(images)
    block = backbone.stages[0][0]
    setattr(block, name, Reversed(getattr(block, name)))
    assert relative_error(backbone(images)[0], before) > 1e-3


def test_a_weight_computed_from_others_is_followed():
    """torch.nn.utils.parametrize changes the class of a module."""
    linear = nn.Linear(2, 2)
    assert may_bypass((linear, nn.Linear))
    assert not may_bypass((torch.nn.utils.parametrizations.weight_norm(linear), nn.Linear))


def test_a_subclass_of_the_same_name_and_a_patched_forward_are_called():
    class Linear(nn.Linear):
        pass

    assert not may_bypass((Linear(2, 2), nn.Linear))
    linear = nn.Linear(2, 2)
    linear.forward = lambda x: x
    assert not may_bypass((linear, nn.Linear))


@pytest.mark.parametrize("name", ["pwconv1", "pwconv2"])
def test_a_replacement_may_have_the_name_of_what_it_replaces(backbone, name):
    class Linear(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x).flip(-1)

    images = photographs(1)
    (before,) = backbone(images)
    block = backbone.stages[0][0]
    old = getattr(block, name)
    new = Linear(old.in_features, old.out_features)
    new.load_state_dict(old.state_dict())
    setattr(block, name, new)
    assert relative_error(backbone(images)[0], before) > 1e-3


@pytest.mark.parametrize(
    ("environment", "runs"),
    [({}, False), ({"TRITON_INTERPRET": "1"}, True), ({"TRITON_INTERPRET": "1", "CNXV2_MM_TRITON": "0"}, False)],
    ids=["a CPU", "Triton's interpreter", "switched off"],
)
def test_triton_kernels_run_where_they_can(environment, runs, monkeypatch):
    for name in ("TRITON_INTERPRET", "CNXV2_MM_TRITON"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert runs_triton(torch.zeros(1)) == runs
    assert not runs_triton(torch.zeros(1, dtype=torch.float64))
    torch.compiler.reset()
    compiled = torch.compile(lambda x: x + 1 if runs_triton(x) else x, backend="eager", fullgraph=True)
    assert compiled(torch.zeros(1)).item() == runs


@pytest.mark.parametrize("triton", [False, True])
def test_the_compiler_of_a_gpu_is_left_alone_only_where_triton_does_not_run(triton, monkeypatch):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    monkeypatch.setattr(dispatch, "_device_runs_triton", lambda kind, _: triton)
    assert leave_to_compiler(torch.zeros(1, device="meta")) != triton
    assert not leave_to_compiler(torch.zeros(1))


def test_further_derivatives_pass_through_the_backbone(backbone):
    """Forward mode, and gradients of gradients, against a finite difference of values and of gradients."""
    backbone, images = backbone.double(), photographs(1, size=(64, 64)).double()
    direction = torch.randn_like(images)
    step = 1e-5 * direction

    def value(x):
        return backbone(x)[0].square().sum()

    def slope(x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(value(x), x, create_graph=True)[0], x

    with torch.no_grad():
        _, ours = torch.func.jvp(value, (images,), (direction,))
        expected = (value(images + step) - value(images - step)) / 2e-5
    assert ours.item() == pytest.approx(expected.item(), rel=1e-5)
    gradient, x = slope(images)
    (ours,) = torch.autograd.grad((gradient * direction).sum(), x)
    expected = (slope(images + step)[0] - slope(images - step)[0]) / 2e-5
    assert relative_error(ours, expected) < 1e-5


# Warnings of our own code, a tracer's among them, are errors here: see pyproject.toml.
def record(way: str, backbone: nn.Module, images: torch.Tensor) -> tuple[str, nn.Module]:
    if way == "trace":
        traced = torch.jit.trace(backbone, images)
        return str(traced.inlined_graph), traced
    exported = torch.export.export(backbone, (images,), strict=way == "strict export")
    return str(exported.graph).replace("cnxv2_mm.", "cnxv2_mm::"), exported.module()


@pytest.mark.parametrize("way", ["trace", "export", "strict export"])
def test_recordings_hold_pytorchs_operations_only_and_compute_the_same(backbone, way):
    images = photographs(2)
    backbone.eval()
    text, recorded = record(way, backbone, images)
    assert "cnxv2_mm::" not in text
    assert relative_error(recorded(images)[0], backbone(images)[0]) < 1e-5


def test_a_recording_runs_on_images_of_other_sizes(backbone):
    """Its stem is the convolution: blocks of pixels would be cut for the size that was recorded."""
    backbone.eval()
    traced = torch.jit.trace(backbone, photographs(2))
    operations = [node.kind() for node in traced.inlined_graph.nodes()]
    stem_and_downsampling, blocks = 4, sum(ARCH["depths"])
    assert operations.count("aten::_convolution") == stem_and_downsampling + blocks
    assert "aten::unfold" not in operations
    for images in (photographs(1, size=(64, 160)), photographs(3, size=(98, 67))):
        assert relative_error(traced(images)[0], backbone(images)[0]) < 1e-5


def test_the_onnx_exporter_takes_images_of_any_size(backbone, monkeypatch):
    """The exporter of mmdeploy, mmpretrain and timm, which works on traces; sizes that are named stay open."""
    # Its last step looks for operators of onnxscript and needs the onnx package even where there are none.
    exporter = "torch.onnx._internal.torchscript_exporter"
    package = exporter if find_spec(exporter) else "torch.onnx._internal"  # where PyTorch before 2.9 has it
    monkeypatch.setattr(f"{package}.onnx_proto_utils._add_onnxscript_fn", lambda model, _: model)
    file, axes = io.BytesIO(), {0: "batch", 2: "height", 3: "width"}
    options = {"dynamo": False, "input_names": ["images"], "output_names": ["maps"]}
    torch.onnx.export(backbone.eval(), (photographs(2),), file, dynamic_axes={"images": axes, "maps": axes}, **options)
    assert b"height" in file.getvalue()
