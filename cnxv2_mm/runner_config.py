"""From a config and the usual OpenMMLab options to a ``Runner``: what ``tools/train.py`` and ``tools/test.py`` share.

Every function edits the config in place and says in the log what a user could not guess.
"""

import argparse
import os
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, ConfigDict, DictAction
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from cnxv2_mm.checkpoints import trust_pickle
from cnxv2_mm.command_line import message
from cnxv2_mm.config_check import check_generation, reading_error
from cnxv2_mm.cpu_processes import prepare_cpu_processes
from cnxv2_mm.finite_check import add_finite_check
from cnxv2_mm.fsdp import check_hooks
from cnxv2_mm.sample_check import check_samples
from cnxv2_mm.saving import protect_checkpoints
from cnxv2_mm.seeding import make_repeatable

_LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")

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


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that training and testing share, spelt as OpenMMLab spells them."""
    parser.add_argument("config", help="config file, or <library>::<file> for one of an installed library's own")
    parser.add_argument("--work-dir", help="folder of logs and checkpoints (default: work_dirs/<config name>)")
    parser.add_argument("--amp", action="store_true", help="mixed precision; on the CPU this means bfloat16")
    parser.add_argument("--trust-pickle", action="store_true", help="read checkpoints even if that runs code in them")
    parser.add_argument("--no-pin-memory", action="store_true", help="leave batches in pageable memory")
    parser.add_argument("--no-persistent-workers", action="store_true", help="start data workers anew for every epoch")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        help="changes to the config: key.subkey=value, lists as key='[a,b]' without blanks",
    )
    parser.add_argument("--launcher", choices=("none", "pytorch", "slurm", "mpi"), default="none")
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0, help="set by torch.distributed.launch")


def load_config(path: str, options: dict[str, Any] | None = None) -> Config:
    """Read a config and merge the command line's changes.

    Args:
        path: a file, or ``mmdet::retinanet/retinanet_r50_fpn_1x_coco.py`` for a config that ships with a library.
        options: dotted keys and their new values.

    Raises:
        FileNotFoundError: no such file.
        ModuleNotFoundError: the library before ``::`` is not installed.
        ValueError: whatever is wrong with the file or the options; names the file, and the line where it is known.
    """
    # The maintained family's distribution is called onedl-mmsegmentation; mmengine looks for mmsegmentation whenever a
    # config inherits from mmseg::..., unless it is told to look for the module.
    MODULE2PACKAGE["mmseg"] = "mmseg"
    file = shipped_config(path) if "::" in path else Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"config {path!r} does not exist (looked for {file.absolute()}).")
    try:
        config = Config.fromfile(file)
    except Exception as error:  # a config is Python, which can fail in any way
        raise reading_error(error, file) from error
    check_generation(config, file)
    try:
        config.merge_from_dict(options or {})
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"config {file} has no place for the options {options}: {message(error)}") from error
    return config


def shipped_config(path: str) -> Path:
    """The file of ``<library>::<file>``.

    Raises:
        ModuleNotFoundError: the library is not installed.
    """
    library, _, file = path.partition("::")
    spec = find_spec(library) if library.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"config {path!r}: {library!r} is not installed, install it or give a file.")
    return Path(spec.submodule_search_locations[0]) / ".mim" / "configs" / file


def set_run(config: Config, args: argparse.Namespace) -> None:
    """Set what every run has: working folder, launcher and loaders, from the common arguments."""
    if args.trust_pickle:
        trust_pickle()
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    config.launcher = args.launcher
    if args.work_dir is not None:
        config.work_dir = args.work_dir
    elif config.get("work_dir") is None:
        config.work_dir = str(Path("work_dirs") / Path(args.config.rpartition("::")[2]).stem)
    check_writable(Path(config.work_dir))
    set_loaders(config, pin_memory=not args.no_pin_memory, persistent_workers=not args.no_persistent_workers)
    prepare_cpu_processes(config)


def check_writable(folder: Path) -> None:
    """Refuse a working folder that cannot be made or written into; it is not made yet.

    Raises:
        PermissionError: no right to write, or a disk that is read only.
        NotADirectoryError: a file has the name of the folder, or of one above it.
    """
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise NotADirectoryError(f"work_dir={str(folder)!r}: {existing} is a file, choose another --work-dir.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise PermissionError(f"work_dir={str(folder)!r}: {existing} is not writable, choose another --work-dir.")


def set_loaders(config: Config, *, pin_memory: bool, persistent_workers: bool) -> None:
    """Complete the loaders; False switches an option off, True leaves it as the config has it.

    mmpretrain's configs rely on what its own tool adds (collating into one tensor, pinned memory, persistent workers),
    so it is added here for its scope. Persistent workers need workers: without any the option is dropped.
    """
    for name in _LOADERS:
        loader = config.get(name)
        if not loader:
            continue
        if config.get("default_scope") == "mmpretrain":
            loader.setdefault("collate_fn", ConfigDict(type="default_collate"))
            loader.setdefault("pin_memory", torch.cuda.is_available())
            loader.setdefault("persistent_workers", True)
        if not pin_memory:
            loader["pin_memory"] = False
        if not persistent_workers or loader.get("num_workers", 0) == 0:
            loader["persistent_workers"] = False


def drop_validation(config: Config) -> None:
    """Train without ever validating."""
    config.val_cfg = config.val_dataloader = config.val_evaluator = None


def use_amp(config: Config) -> None:
    """Train in mixed precision.

    A config that already does keeps its data type. On a CPU autocast knows bfloat16 only.

    Raises:
        ValueError: the config has no optimiser wrapper, or neither ``OptimWrapper`` nor ``AmpOptimWrapper``.
    """
    wrapper = config.get("optim_wrapper")
    if wrapper is None:
        raise ValueError("--amp changes optim_wrapper, and the config has none: add optim_wrapper=dict(optimizer=...).")
    kind = _type_name(wrapper)
    if kind not in ("OptimWrapper", "AmpOptimWrapper"):
        raise ValueError(
            f"--amp changes OptimWrapper to AmpOptimWrapper, but optim_wrapper.type is {kind!r}: drop --amp."
        )
    if get_device() == "cpu":
        for option in ("loss_scale", "dtype", "use_fsdp"):
            wrapper.pop(option, None)
        wrapper.type = "cnxv2_mm.CpuAmpOptimWrapper"
        print_log("--amp on the CPU: autocast to dtype='bfloat16', without loss scaling.", logger="current")
    elif kind == "OptimWrapper":
        wrapper.type = "AmpOptimWrapper"
        wrapper.setdefault("loss_scale", "dynamic")


def check_amp_device(config: Config) -> None:
    """Refuse mmengine's mixed precision on a machine without accelerator, with the way out.

    Raises:
        ValueError: ``AmpOptimWrapper`` on the CPU.
    """
    if get_device() == "cpu" and _type_name(config.get("optim_wrapper") or {}) == "AmpOptimWrapper":
        raise ValueError(
            "optim_wrapper.type='AmpOptimWrapper' needs an accelerator and this machine has none: add --amp to train "
            "in bfloat16 on the CPU."
        )


def _type_name(wrapper: Mapping[str, Any]) -> str:
    kind = wrapper.get("type", "OptimWrapper")
    return kind if isinstance(kind, str) else kind.__name__


def scale_learning_rate(config: Config) -> None:
    """Scale learning rates by (images per optimiser step) / ``auto_scale_lr.base_batch_size``.

    A step sees batch size x processes x ``optim_wrapper.accumulative_counts`` images. mmengine leaves the last factor
    out, so that the number it is given is divided by it; ``images_per_step`` keeps the config's own.

    Raises:
        ValueError: the config does not say for which batch size its rates are meant.
    """
    settings = config.get("auto_scale_lr") or {}
    if not settings.get("base_batch_size"):
        raise ValueError(
            "--auto-scale-lr: the config does not say for which total batch size its learning rate is meant. "
            "Add auto_scale_lr=dict(base_batch_size=...), e.g. --cfg-options auto_scale_lr.base_batch_size=32"
        )
    settings.enable = True
    settings.setdefault("images_per_step", settings.base_batch_size)
    settings.base_batch_size = settings.images_per_step / config.optim_wrapper.get("accumulative_counts", 1)


def use_tta(config: Config) -> None:
    """Test with augmentation: the config's ``tta_model`` and ``tta_pipeline``, or both mirror images.

    Raises:
        ValueError: the config names neither and its library has no default.
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
    """Draw every test image with its prediction.

    Args:
        show: open a window.
        show_dir: folder for the pictures; None writes none.
        wait_time: seconds that a window stays.

    Raises:
        ValueError: ``default_scope`` is no library with a visualisation hook.
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


def build_runner(config: Config) -> Runner:
    """The config's runner: mmengine's, or the registered one that ``runner_type`` names.

    Raises:
        ValueError: the config averages weights under FSDP.
    """
    check_hooks(config)
    if "runner_type" in config:
        config.setdefault("env_cfg", ConfigDict())  # mmengine's FlexibleRunner takes its absence badly
    runner = RUNNERS.build(config) if "runner_type" in config else Runner.from_cfg(config)
    protect_checkpoints(runner)
    make_repeatable(runner)
    add_finite_check(runner)
    check_samples(runner, config)
    return runner


def leave_processes() -> None:
    """Ends the talk between the processes of a run, where there are several.

    Left to the interpreter's end, the threads of it sometimes abort a run that has succeeded.
    """
    if torch.distributed.is_initialized():
        with suppress(RuntimeError):  # another process has failed, and says so itself
            torch.distributed.barrier()
        torch.distributed.destroy_process_group()
