"""What is wrong with a config file, in one line that names it: asked before anything is built."""

import difflib
import inspect
import traceback
from pathlib import Path
from types import TracebackType

import mmengine
from mmengine.config import Config
from mmengine.config import config as reader
from mmengine.registry import OPTIMIZERS
from mmengine.runner import FlexibleRunner, Runner

from cnxv2_mm.command_line import message

# What mmengine reads in a config besides the arguments of its runners.
_OTHER_NAMES = (
    "activation_checkpointing",
    "custom_imports",
    "efficient_conv_bn_eval",
    "find_unused_parameters",
    "model_wrapper_cfg",
    "runner_type",
    "sync_bn",
)
# Of the 1,500 configs of mmdet, mmseg and mmpretrain, only a misspelt name is as near as this to one of mmengine's.
_NEAR = 0.85
# Top-level names of mmcv's runner, before mmengine, and of mmengine's.
_OLD_NAMES = (
    "checkpoint_config",
    "data",
    "dist_params",
    "evaluation",
    "log_config",
    "lr_config",
    "optimizer",
    "optimizer_config",
    "runner",
    "total_epochs",
    "workflow",
)
_NEW_NAMES = ("default_hooks", "default_scope", "optim_wrapper", "train_cfg", "train_dataloader")


def check_names(config: Config) -> None:
    """Refuses a misspelt top-level name, which mmengine would ignore.

    Variables of a config's own are welcome: only names that are almost one of mmengine's count, and none that is one
    with an ending (``val_evaluator_2``), or that is None.

    Raises:
        ValueError: Names the nearest known one.
    """
    known = {*inspect.signature(Runner).parameters, *inspect.signature(FlexibleRunner).parameters, *_OTHER_NAMES}
    for name in config:
        near = [] if name in known else difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)
        if near and config[name] is not None and not name.startswith(f"{near[0]}_"):
            raise ValueError(
                f"config {config.filename}: mmengine reads no {name!r}, did you mean {near[0]!r}? (A variable of the "
                f"config's own needs another name; --cfg-options {name}=None ignores it.)"
            )


def check_optimizer(config: Config) -> None:
    """Refuses an optimiser that no registry knows, at which mmengine says "None is not a callable object".

    Raises:
        ValueError: Names the nearest known one.
    """
    kind = ((config.get("optim_wrapper") or {}).get("optimizer") or {}).get("type")
    if not isinstance(kind, str):
        return
    with OPTIMIZERS.switch_scope_and_registry(config.get("default_scope")) as registry:
        if registry.get(kind) is not None:
            return
    near = difflib.get_close_matches(kind, OPTIMIZERS.module_dict, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "custom_imports must import the module that registers it."
    raise ValueError(f"config {config.filename}: optim_wrapper.optimizer.type={kind!r} is no known optimiser; {hint}")


def check_generation(config: Config, file: Path) -> None:
    """Refuses a config that was written for mmcv's runner, before mmengine.

    Raises:
        ValueError: Says by which names it is known, and what to do.
    """
    old = [name for name in _OLD_NAMES if name in config]
    if "model" in config and len(old) > 1 and not any(name in config for name in _NEW_NAMES):
        raise ValueError(
            f"config {file} is of the generation of mmdet 2.x, mmseg 0.x and mmcls 0.x (it has {', '.join(old)}), "
            "which mmengine does not read: start from the config of the same model that the installed library ships "
            "(mmdet::..., mmseg::..., mmpretrain::...), or translate it by the library's migration guide."
        )


def reading_error(error: Exception, file: Path) -> ValueError:
    """Return what stopped mmengine from reading a config, with the file and the line where it is known.

    Args:
        error: What was raised.
        file: The config; the mistake may be in one that it inherits from.
    """
    where = f"config {file}"
    place, line = _place(error.__traceback__)
    if place is not None and place != file.absolute():
        where += f", in its base {place}"
    root: BaseException = error
    if isinstance(error, ImportError):  # mmengine wraps that of custom_imports, with all of sys.path
        while next_one := root.__cause__ or root.__context__:
            root = next_one
    if isinstance(root, SyntaxError):
        line = root.lineno
    reason = root.msg if isinstance(root, SyntaxError) else message(root).splitlines()[0]
    if isinstance(root, RecursionError):
        reason = "it inherits from itself"
    elif root is not error:
        reason += "; a folder with modules of your own must be in PYTHONPATH"
    elif line is None:
        *_, last = traceback.extract_tb(error.__traceback__)
        if not Path(last.filename).is_relative_to(Path(mmengine.__file__).parent):
            reason += f" ({last.filename}, line {last.lineno})"
    kind = "" if reason.startswith(type(root).__name__) else f"{type(root).__name__}: "
    return ValueError(f"{where}{f', line {line}' if line else ''}: {kind}{reason}")


def _place(step: TracebackType | None) -> tuple[Path | None, int | None]:
    """Return the config file that was being read, and its line if its code was running."""
    file, line, before = None, None, ""
    while step is not None:
        code = step.tb_frame.f_code
        if before == reader.__file__ and code.co_name == "<module>" and code.co_filename:
            file, line = Path(code.co_filename), step.tb_lineno
        elif code.co_filename == reader.__file__:
            # mmengine reads through a copy, which is gone by now.
            name = step.tb_frame.f_locals.get("filename")
            if isinstance(name, str) and Path(name).is_file():
                file, line = Path(name).absolute(), None
        before, step = code.co_filename, step.tb_next
    return file, line
