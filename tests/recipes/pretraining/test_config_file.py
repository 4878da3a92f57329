"""The config as a file that mmengine reads."""

from pathlib import Path

from mmengine.config import Config

from cnxv2_mm.recipes.pretraining.config_file import Plan, pretraining_config
from cnxv2_mm.recipes.pretraining.normalisation import Normalisation
from cnxv2_mm.recipes.pretraining.schedule import Schedule
from cnxv2_mm.recipes.pretraining.start import Start
from cnxv2_mm.recipes.run_folder import RunFolder

PLAN = Plan(
    folder=RunFolder(Path("/runs/one")),
    images=Path("/data/my images"),
    arch="nano",
    channels=5,
    size=96,
    normalisation=Normalisation((1.0,) * 5, (2.0,) * 5, "measured"),
    start=None,
    classes=(),
    repeats=2,
    bfloat16=True,
    on_gpu=True,
    command="cnxv2 pretrain 'my images'",
)


def read(plan, tmp_path):
    file = tmp_path / "config.py"
    file.write_text(pretraining_config(plan, Schedule(40, 480, 8, 2, 60.0, "--epochs 40"), 1e-3, 3))
    return Config.fromfile(file)


def test_values_arrive_and_the_rest_is_the_recipes(tmp_path):
    config = read(PLAN, tmp_path)
    assert config.model.type == "cnxv2_mm.FCMAE"
    assert config.model.backbone == {"type": "cnxv2_mm.ConvNeXtV2", "arch": "nano", "in_channels": 5}
    assert config.model.data_preprocessor.repeats == 2
    assert config.model.mask_ratio == 0.6
    dataset = config.train_dataloader.dataset
    assert (dataset.data_root, dataset.ann_file) == ("/data/my images", "/runs/one/data/images.txt")
    assert [step.get("scale", step.get("channels")) for step in dataset.pipeline] == [5, 96, None]
    assert config.train_dataloader.sampler.type == "cnxv2_mm.HeldOutSampler"
    assert (config.optim_wrapper.type, config.optim_wrapper.dtype) == ("AmpOptimWrapper", "bfloat16")
    assert (config.optim_wrapper.optimizer.lr, config.optim_wrapper.optimizer.weight_decay) == (1e-3, 0.05)
    assert config.train_cfg == {"by_epoch": True, "max_epochs": 40}
    assert config.default_hooks.checkpoint.interval == 2
    assert [hook.get("interval") for hook in config.custom_hooks][:2] == [40, 80]
    assert config.custom_hooks[3] == {"type": "cnxv2_mm.ReportPageHook"}
    assert config.work_dir == "/runs/one/run"


def test_weights_bring_their_network_and_classes_their_labels(tmp_path):
    start = Start("v1", "/v1.pth", {"arch": "tiny", "use_grn": False}, (1.0,) * 3, (2.0,) * 3, "MIT")
    plan = {**vars(PLAN), "start": start, "arch": "tiny", "channels": 3, "classes": ("a", "b"), "bfloat16": False}
    config = read(Plan(**plan), tmp_path)
    backbone = config.model.backbone
    assert (backbone.arch, backbone.use_grn, backbone.init_cfg.checkpoint) == ("tiny", False, "/v1.pth")
    assert config.train_dataloader.dataset.with_label
    assert config.train_dataloader.dataset.ann_file == "/runs/one/data/classes.txt"
    assert config.optim_wrapper.type == "OptimWrapper"
