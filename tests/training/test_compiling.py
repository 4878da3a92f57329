"""``torch.compile`` in real runs: the losses and weights of a run that is not compiled, and whose masks it draws too.

``aot_eager`` traces as the compiler does, forward and backward, and runs PyTorch's operators: random numbers are those
of a plain run. ``test_compiling_generated.py`` runs what the compiler generates.
"""

import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner
from mmpretrain.structures import DataSample
from torch import nn
from torch._dynamo.utils import counters
from torch.distributed.fsdp import FullyShardedDataParallel

from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.config.load import load_config
from cnxv2_mm.training import compiling
from cnxv2_mm.training.compiling import CompileHook, use_compile_hook
from cnxv2_mm.training.runner import build_runner
from tests.conftest import relative_error
from tests.layouts.contract import ARCH
from tests.test_structure import ROOT
from tests.tools.toy_pictures import CONFIG
from tests.training.test_fused_step import assert_same_weights, read_config

BACKEND = {"backend": "aot_eager"}
# The model draws the masks, and stochastic depth, which has another rate in each block.
DRAWN = 'train_dataloader["dataset"] = dict(type="Pictures")\nmodel["backbone"]["drop_path_rate"] = 0.5\n'


@pytest.fixture(autouse=True)
def compiled_anew():
    torch.compiler.reset()
    counters.clear()


class Losses(Hook):
    """Notes the losses, and how many graphs there are by then."""

    def __init__(self):
        self.values = []
        self.graphs = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.values.append(float(outputs["loss"].detach()))
        self.graphs.append(counters["stats"]["unique_graphs"])


def run(work_dir, build=build_runner, hooks=(), **keys):
    config = read_config(CONFIG + DRAWN, work_dir)
    config.merge_from_dict(keys)
    runner, losses = build(config), Losses()
    for hook in (losses, *hooks):
        runner.register_hook(hook)
    runner.train()
    return runner, losses


WAYS = {
    "the loss": (build_runner, {"compile": BACKEND}),
    "blocks": (build_runner, {"compile": {"target": "blocks", **BACKEND}}),
    "blocks by mmengine": (
        Runner.from_cfg,
        {"default_hooks.compile": {"type": "cnxv2_mm.CompileHook", "target": "blocks", **BACKEND}},
    ),
}


RECOMPUTED = {"model.backbone.with_cp": True}
BFLOAT16 = {"optim_wrapper.type": "cnxv2_mm.CpuAmpOptimWrapper"}


@pytest.mark.parametrize(
    ("way", "keys", "tolerance"),
    [*((way, RECOMPUTED, 1e-6) for way in WAYS), ("the loss", BFLOAT16, 2e-3), ("blocks", BFLOAT16, 2e-3)],
)
def test_a_run_is_that_of_a_run_that_is_not_compiled(way, keys, tolerance, tmp_path):
    build, compiled = WAYS[way]
    plain, expected = run(tmp_path / "plain", build, **keys)
    runner, losses = run(tmp_path / "compiled", build, **keys, **compiled)
    assert losses.values == pytest.approx(expected.values, rel=tolerance)
    assert len(set(losses.values)) == 4
    if keys is RECOMPUTED:
        assert_same_weights(runner.model.state_dict(), plain.model.state_dict())
    assert expected.graphs[-1] == 0
    # All is compiled in the first step.
    assert losses.graphs[0] == losses.graphs[-1] > 0
    assert runner.model.state_dict().keys() == plain.model.state_dict().keys()
    assert "transform" not in vars(runner.model.backbone.stages[0][0])
    assert "loss" not in vars(runner.model)
    log = next((tmp_path / "compiled").glob("*/*.log")).read_text()
    what = "6 ConvNeXt blocks" if "blocks" in way else "the forward pass of the losses"
    assert f"torch.compile: {what} ({'' if 'blocks' in way else 'dynamic=False, '}backend='aot_eager')." in log


def batches_of(kind):
    """Batches, each of another size for a detector, whose samples have boxes and masks."""
    if kind == "detector":
        from mmdet.testing import demo_mm_inputs  # asks for mmcv's operators, which the package supplies

        return [demo_mm_inputs(2, [(3, 64, w), (3, 80, 64)], num_classes=3, with_mask=True) for w in (96, 128, 64)]
    samples = [DataSample(metainfo={"img_path": f"{i}.png"}).set_gt_label(i % 2) for i in range(4)]
    return [{"inputs": [*torch.randint(0, 255, (4, 3, 64, 64))], "data_samples": samples} for _ in range(2)]


@pytest.mark.parametrize(
    ("kind", "target", "file"),
    [
        ("detector", "blocks", "mask_rcnn"),
        ("classifier", "blocks", "classification"),
        ("classifier", "loss", "classification"),
    ],
)
def test_the_models_of_the_libraries_compile(kind, target, file):
    cfg = load_config(str(ROOT / f"configs/demo/{file}.py"))
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.update(arch=ARCH, init_cfg=None)
    if kind == "detector":
        cfg.model.neck.in_channels = list(ARCH["channels"])
    else:
        cfg.model.head.in_channels = ARCH["channels"][-1]
    model = MODELS.build(cfg.model).train()
    batches = batches_of(kind)

    def steps():
        for i, batch in enumerate(batches):
            torch.manual_seed(i)
            model.zero_grad()
            losses = model._run_forward(model.data_preprocessor(copy.deepcopy(batch), True), mode="loss")
            loss, _ = model.parse_losses(losses)
            loss.backward()
            yield loss.item(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    expected = list(steps())
    hook = CompileHook(target, **BACKEND)
    hook.before_train(SimpleNamespace(model=model))
    for (loss, gradients), (plain, plain_gradients) in zip(steps(), expected, strict=True):
        assert loss == pytest.approx(plain, rel=1e-5)
        for name, gradient in plain_gradients.items():
            assert relative_error(gradients[name], gradient) < 1e-4 or gradient.abs().max() < 1e-6, name
    hook.after_train(SimpleNamespace(model=model))
    assert counters["stats"]["unique_graphs"] > 3


@pytest.fixture
def compiled_backbone():
    """A backbone whose blocks are compiled, as in a training; and how many graphs there are."""
    backbone = ConvNeXtV2(ARCH)
    hook = CompileHook("blocks", **BACKEND)
    hook.before_train(SimpleNamespace(model=backbone))
    yield backbone
    hook.after_train(SimpleNamespace(model=backbone))


def test_evaluation_runs_as_it_is(compiled_backbone):
    with torch.no_grad():
        compiled_backbone.eval()(torch.randn(1, 3, 64, 64))
    assert counters["stats"]["unique_graphs"] == 0


def test_a_copy_of_the_model_has_weights_of_its_own(compiled_backbone):
    images = torch.randn(2, 3, 64, 64)
    other = copy.deepcopy(compiled_backbone)
    before = other(images)[-1].detach()
    with torch.no_grad():
        for parameter in compiled_backbone.parameters():
            parameter.zero_()
    assert torch.equal(other(images)[-1], before)


def test_more_kinds_of_inputs_than_programs_end_the_run_in_a_line(monkeypatch):
    """PyTorch would go on without compiling, with a warning."""
    monkeypatch.setattr(compiling, "_PROGRAMS_OF_A_STAGE", 0)
    with torch._dynamo.config.patch(recompile_limit=2):
        backbone = ConvNeXtV2(ARCH)
        hook = CompileHook("blocks", dynamic=False, **BACKEND)
        hook.before_train(SimpleNamespace(model=backbone))
        for num in (2, 3):
            backbone(torch.randn(num, 3, 64, 64))
        with pytest.raises(RuntimeError, match=r"target='blocks' has met inputs of more than 2 kinds.*dynamic=True"):
            backbone(torch.randn(4, 3, 64, 64))
        hook.after_train(SimpleNamespace(model=backbone))
    assert not torch._dynamo.config.fail_on_recompile_limit_hit


class Poison(Hook):
    """Makes a weight inside of a block infinite before the third step."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 2:
            with torch.no_grad():
                runner.model.backbone.stages[2][1].pwconv1.weight[0, 0] = float("nan")


@pytest.mark.parametrize("way", ["the loss", "blocks"])
def test_the_first_module_that_is_not_finite_is_found_inside_of_what_is_compiled(way, tmp_path):
    with pytest.raises(FloatingPointError, match=r"step 3: .*backbone\.stages\.2\.1\.pwconv1 \(Linear\)"):
        run(tmp_path / "run", hooks=[Poison()], **WAYS[way][1])


def test_what_cannot_be_compiled_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"target='block'\): set target to one of loss, blocks"):
        CompileHook("block")
    for target in ("loss", "blocks"):
        with pytest.raises(ValueError, match=f"compile: target='{target}', but Linear has no {target}"):
            CompileHook(target).before_train(SimpleNamespace(model=nn.Linear(1, 1)))
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        sharded = FullyShardedDataParallel(nn.Linear(1, 1), device_id=torch.device("cpu"))
        with pytest.raises(ValueError, match="which FSDP would break: use target='blocks'"):
            CompileHook("loss").before_train(SimpleNamespace(model=sharded))
    finally:
        torch.distributed.destroy_process_group()


def test_the_key_of_mmengine_becomes_the_hook():
    def hook_of(compile):
        config = Config({"compile": compile, "default_hooks": {"timer": {"type": "IterTimerHook"}}})
        use_compile_hook(config)
        assert config.default_hooks.timer == {"type": "IterTimerHook"}
        return config.default_hooks.get("compile"), config.get("compile")

    ours = {"type": "cnxv2_mm.CompileHook"}
    assert hook_of(True) == (ours, None)
    assert hook_of({"mode": "reduce-overhead"}) == ({**ours, "mode": "reduce-overhead"}, None)
    assert hook_of({"target": "blocks"}) == ({**ours, "target": "blocks"}, None)
    for theirs in (False, {"target": "forward"}):
        assert hook_of(theirs) == (None, theirs)
    empty = Config({})
    use_compile_hook(empty)
    assert "default_hooks" not in empty
