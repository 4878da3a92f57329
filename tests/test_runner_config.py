"""What the commands make of configs that ship with mmdet, mmseg and mmpretrain. The runs are in tests/tools."""

import pytest
from mmengine.config import Config

from cnxv2_mm import runner_config

RETINANET = "mmdet::retinanet/retinanet_r50_fpn_1x_coco.py"
UPERNET = "mmseg::convnext/convnext-tiny_upernet_8xb2-amp-160k_ade20k-512x512.py"
CONVNEXT = "mmpretrain::convnext_v2/convnext-v2-atto_32xb32_in1k.py"


@pytest.mark.parametrize(
    ("path", "model", "scope"),
    [
        (RETINANET, "RetinaNet", "mmdet"),
        (UPERNET, "EncoderDecoder", "mmseg"),
        (CONVNEXT, "ImageClassifier", "mmpretrain"),
    ],
)
def test_loads_what_ships_with_a_library(path, model, scope, tmp_path):
    config = runner_config.load_config(path, {"model.backbone.with_cp": True})
    assert config.model.type == model
    assert config.default_scope == scope
    assert config.model.backbone.with_cp is True
    # And as the base of a user's own file.
    child = tmp_path / "child.py"
    child.write_text(f"_base_ = [{path!r}]\n")
    assert runner_config.load_config(str(child)).model.type == model


def test_configs_that_do_not_exist():
    with pytest.raises(FileNotFoundError, match=r"mmdet::retinanet/absent\.py.*configs/retinanet/absent\.py"):
        runner_config.load_config("mmdet::retinanet/absent.py")
    with pytest.raises(ModuleNotFoundError, match="'nolibrary' is not installed"):
        runner_config.load_config("nolibrary::a/b.py")


def test_loaders_get_what_mmpretrain_adds_and_keep_what_they_say():
    config = runner_config.load_config(CONVNEXT)
    runner_config.set_loaders(config, pin_memory=True, persistent_workers=True)
    assert config.train_dataloader.collate_fn.type == "default_collate"
    assert config.train_dataloader.persistent_workers is True

    config = runner_config.load_config(
        RETINANET, {"train_dataloader.num_workers": 0, "val_dataloader.pin_memory": True}
    )
    runner_config.set_loaders(config, pin_memory=True, persistent_workers=True)
    # torch refuses persistent workers where there are none.
    assert config.train_dataloader.persistent_workers is False
    assert config.val_dataloader.persistent_workers is True
    assert config.val_dataloader.pin_memory is True
    assert "collate_fn" not in config.train_dataloader

    runner_config.set_loaders(config, pin_memory=False, persistent_workers=False)
    assert config.val_dataloader.persistent_workers is False
    assert config.val_dataloader.pin_memory is False


def test_amp_where_there_is_an_accelerator(monkeypatch):
    monkeypatch.setattr(runner_config, "get_device", lambda: "cuda")
    config = Config({"optim_wrapper": {"type": "OptimWrapper", "optimizer": {"type": "SGD"}}})
    runner_config.use_amp(config)
    assert (config.optim_wrapper.type, config.optim_wrapper.loss_scale) == ("AmpOptimWrapper", "dynamic")

    config = Config({"optim_wrapper": {"type": "AmpOptimWrapper", "dtype": "bfloat16", "loss_scale": 512.0}})
    runner_config.use_amp(config)
    runner_config.check_amp_device(config)
    assert config.optim_wrapper == {"type": "AmpOptimWrapper", "dtype": "bfloat16", "loss_scale": 512.0}

    with pytest.raises(ValueError, match="ApexOptimWrapper"):
        runner_config.use_amp(Config({"optim_wrapper": {"type": "ApexOptimWrapper"}}))
    with pytest.raises(ValueError, match="the config has none: add optim_wrapper"):
        runner_config.use_amp(Config({}))
    runner_config.check_amp_device(Config({}))  # what else is missing, the runner says


def test_drawing_is_switched_on_as_each_library_wants_it():
    options = {"show": True, "show_dir": "pictures", "wait_time": 0.5}
    config = runner_config.load_config(RETINANET)
    runner_config.draw_predictions(config, **options)
    hook = config.default_hooks.visualization
    assert (hook.type, hook.draw, hook.show, hook.wait_time) == ("DetVisualizationHook", True, True, 0.5)
    assert hook.test_out_dir == "pictures"

    config = runner_config.load_config(UPERNET)
    runner_config.draw_predictions(config, **options)
    hook = config.default_hooks.visualization
    assert (hook.draw, hook.interval, hook.show, hook.wait_time) == (True, 1, True, 0.5)
    assert config.visualizer.save_dir == "pictures"

    config = runner_config.load_config(CONVNEXT)
    runner_config.draw_predictions(config, show=False, show_dir="pictures", wait_time=0.5)
    hook = config.default_hooks.visualization
    assert (hook.enable, hook.interval, hook.out_dir, "wait_time" in hook) == (True, 1, "pictures", False)

    bare = Config({"default_scope": "mmseg"})
    runner_config.draw_predictions(bare, **options)
    assert bare.default_hooks.visualization.type == "SegVisualizationHook"
    assert bare.visualizer.type == "SegLocalVisualizer"
    with pytest.raises(ValueError, match=r"mmdet, mmseg, mmpretrain.*'mmengine'"):
        runner_config.draw_predictions(Config({"default_scope": "mmengine"}), **options)


def test_augmentation_comes_from_the_config_or_mirrors():
    config = runner_config.load_config(UPERNET)
    own = config.tta_pipeline
    runner_config.use_tta(config)
    assert (config.model.type, config.model.module.type) == ("SegTTAModel", "EncoderDecoder")
    assert config.test_dataloader.dataset.pipeline == own

    config = runner_config.load_config("mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py")
    steps = [step.type for step in config.test_dataloader.dataset.pipeline]
    runner_config.use_tta(config)
    pipeline = config.test_dataloader.dataset.pipeline
    assert config.model.type == "mmdet.DetTTAModel"
    assert [step.type for step in pipeline] == [*steps[:-1], "TestTimeAug"]
    flips, (pack,) = pipeline[-1].transforms
    assert sorted(flip.prob for flip in flips) == [0.0, 1.0]
    # The merge needs to know which images were mirrored.
    assert {"flip", "flip_direction"} <= set(pack.meta_keys)

    with pytest.raises(ValueError, match="no tta_model and no tta_pipeline"):
        runner_config.use_tta(Config({"default_scope": "mmengine", "test_dataloader": {"dataset": {}}}))


def test_accumulated_images_count_when_the_learning_rate_is_scaled():
    """mmengine's factor is batch x processes / base: with 8 x 64 images, accumulated 8 times, it must come out as 1."""
    wrapper = {"type": "OptimWrapper", "accumulative_counts": 8}
    config = Config({"auto_scale_lr": {"base_batch_size": 4096}, "optim_wrapper": wrapper})
    for _ in range(2):  # the second time, on the config that the first run wrote into its folder
        runner_config.scale_learning_rate(config)
        assert config.auto_scale_lr.enable
        assert 8 * 64 / config.auto_scale_lr.base_batch_size == 1
    plain = Config({"auto_scale_lr": {"base_batch_size": 512}, "optim_wrapper": {"type": "OptimWrapper"}})
    runner_config.scale_learning_rate(plain)
    assert plain.auto_scale_lr.base_batch_size == 512


def test_a_working_folder_that_cannot_be_made(tmp_path, monkeypatch):
    runner_config.check_writable(tmp_path / "new" / "run")
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match=rf"work_dir='.*/file/run': {tmp_path}/file is a file"):
        runner_config.check_writable(tmp_path / "file" / "run")
    # Whoever runs the tests may be root, who may write anywhere but on a disk that is read only.
    monkeypatch.setattr(runner_config.os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(PermissionError, match=rf"{tmp_path} is not writable, choose another --work-dir"):
        runner_config.check_writable(tmp_path / "new" / "run")
