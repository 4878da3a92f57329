"""What ``tools/test.py`` can add to a config: test-time augmentation, pictures and files of the predictions."""

from copy import deepcopy
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.logging import print_log
from mmengine.registry import METRICS
from mmengine.runner import Runner

# Library -> its visualisation hook, its visualizer, the settings that make the hook draw every image.
_DRAWING = {
    "mmdet": ("DetVisualizationHook", "DetLocalVisualizer", {"draw": True}),
    "mmseg": ("SegVisualizationHook", "SegLocalVisualizer", {"draw": True, "interval": 1}),
    "mmpretrain": ("VisualizationHook", "UniversalVisualizer", {"enable": True, "interval": 1}),
}
# Library -> the test-time augmentation of its own tools/test.py, for configs that name none: both mirror images.
_TTA_MODELS = {
    "mmdet": {
        "type": "mmdet.DetTTAModel",
        "tta_cfg": {"nms": {"type": "nms", "iou_threshold": 0.5}, "max_per_img": 100},
    },
    "mmseg": {"type": "mmseg.SegTTAModel"},
    "mmpretrain": {"type": "mmpretrain.AverageClsScoreTTA"},
}
_DET_TTA_META_KEYS = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "flip", "flip_direction")


def use_tta(config: Config) -> None:
    """Change a config so that it tests with augmentation.

    The config's ``tta_model`` and ``tta_pipeline`` are used. Where it has none, each image is tested as it is and
    mirrored.

    Args:
        config: A whole config; edited in place.

    Raises:
        ValueError: The config lacks one of them, and its library has no default.
    """
    scope = config.get("default_scope")
    missing = [key for key in ("tta_model", "tta_pipeline") if key not in config]
    if missing and scope not in _TTA_MODELS:
        raise ValueError(
            f"--tta: the config has no {' and no '.join(missing)}, and default_scope={scope!r} has no default."
        )
    dataset = config.test_dataloader.dataset
    while "dataset" in dataset:
        dataset = dataset.dataset
    if "tta_model" in missing:
        config.tta_model = ConfigDict(deepcopy(_TTA_MODELS[scope]))
    if "tta_pipeline" in missing:
        *steps, pack = deepcopy(dataset.pipeline)
        if scope == "mmdet":
            pack["meta_keys"] = _DET_TTA_META_KEYS
        flips = [{"type": "RandomFlip", "prob": 1.0}, {"type": "RandomFlip", "prob": 0.0}]
        config.tta_pipeline = [*steps, {"type": "TestTimeAug", "transforms": [flips, [pack]]}]
    if missing:
        print_log(f"--tta: {' and '.join(missing)} not in the config, using both mirror images.", logger="current")
    dataset.pipeline = config.tta_pipeline
    config.model = ConfigDict(**config.tta_model, module=config.model)


def draw_predictions(config: Config, *, show: bool, show_dir: str | None, wait_time: float) -> None:
    """Change a config so that a test draws every image with its prediction.

    Args:
        config: A whole config; edited in place.
        show: Whether to open a window.
        show_dir: Folder for the pictures; None writes none.
        wait_time: Seconds that a window stays open.

    Raises:
        ValueError: ``default_scope`` is not a library with a visualisation hook.
    """
    scope = config.get("default_scope")
    if scope not in _DRAWING:
        raise ValueError(f"--show and --show-dir need default_scope to be one of {', '.join(_DRAWING)}, not {scope!r}.")
    hook_type, visualizer_type, switches = _DRAWING[scope]
    config.setdefault("default_hooks", ConfigDict())
    hook = config.default_hooks.setdefault("visualization", ConfigDict(type=hook_type))
    visualizer = config.get("visualizer")
    if visualizer is None:
        visualizer = ConfigDict(type=visualizer_type, name="visualizer", vis_backends=[{"type": "LocalVisBackend"}])
        config.visualizer = visualizer
    hook.update(switches)
    if show:
        hook.update(show=True, wait_time=wait_time)
    if show_dir is None:
        return
    if scope == "mmseg":
        visualizer["save_dir"] = show_dir
    else:
        hook["test_out_dir" if scope == "mmdet" else "out_dir"] = show_dir


def write_predictions(runner: Runner, config: Config, file: str) -> None:
    """Make a test write its predictions to a file.

    Args:
        runner: The runner of the test, before it starts.
        config: Its config.
        file: A pickle file; its folder is made if there is none.
    """
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    # mmdet's own compresses instance masks, which would not fit into memory otherwise.
    kind = "mmdet.DumpDetResults" if config.get("default_scope") == "mmdet" else "DumpResults"
    runner.test_evaluator.metrics.append(METRICS.build({"type": kind, "out_file_path": file}))
