"""Finds mistakes in a config file before anything is built. Each error is one line that names the file."""

import difflib
import inspect
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import mmengine
from mmengine.config import Config
from mmengine.config import config as reader
from mmengine.registry import OPTIMIZERS
from mmengine.runner import FlexibleRunner, Runner

from cnxv2_mm.command_line import message

# Names that mmengine reads in a config besides the arguments of its runners.
_OTHER_NAMES = (
    "activation_checkpointing",
    "custom_imports",
    "efficient_conv_bn_eval",
    "find_unused_parameters",
    "model_wrapper_cfg",
    "runner_type",
    "sync_bn",
)
# A name this similar to one of mmengine's is taken for a misspelt one. No correct name in the 1,500 configs of mmdet,
# mmseg and mmpretrain is.
_NEAR = 0.85
# Top-level names that only mmcv's runner reads, which came before mmengine; then those that only mmengine's reads.
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
    """Refuse a misspelt top-level name, which mmengine would ignore.

    A config may have variables of its own: only a name that is almost one of mmengine's is refused, and not one that
    adds an ending to it (``val_evaluator_2``) or whose value is None.

    Raises:
        ValueError: A name is misspelt; the message gives the most similar known one.
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
    """Refuse an optimiser that no registry knows, and one that cannot do the fused step which the config asks for.

    mmengine would say "None is not a callable object". The recipes have ``fused=True``, so that a config that inherits
    from one and changes the type alone has it too.

    Raises:
        ValueError: The optimiser is unknown; the message gives the most similar known one. Or it has no ``fused``.
    """
    optimizer = (config.get("optim_wrapper") or {}).get("optimizer") or {}
    kind = optimizer.get("type")
    if isinstance(kind, str):
        with OPTIMIZERS.switch_scope_and_registry(config.get("default_scope")) as registry:
            found = registry.get(kind)
        if found is None:
            near = difflib.get_close_matches(kind, OPTIMIZERS.module_dict, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "custom_imports must import the module that registers it."
            raise ValueError(
                f"config {config.filename}: optim_wrapper.optimizer.type={kind!r} is no known optimiser; {hint}"
            )
        if "fused" in optimizer and not _takes(found, "fused"):
            raise ValueError(
                f"config {config.filename}: optim_wrapper.optimizer has fused={optimizer['fused']!r}, which {kind} "
                "does not take: write optimizer=dict(_delete_=True, ...) to inherit nothing of another optimiser's."
            )


def _takes(function: Callable[..., Any], name: str) -> bool:
    """Return whether a function or class has a parameter of that name, or takes any."""
    parameters = inspect.signature(function).parameters
    return name in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())


def check_generation(config: Config, file: Path) -> None:
    """Refuse a config that was written for mmcv's runner, which came before mmengine.

    Raises:
        ValueError: The config is of that generation; the message lists the names that show it, and says what to do.
    """
    old = [name for name in _OLD_NAMES if name in config]
    if "model" in config and len(old) > 1 and not any(name in config for name in _NEW_NAMES):
        raise ValueError(
            f"config {file} is of the generation of mmdet 2.x, mmseg 0.x and mmcls 0.x (it has {', '.join(old)}), "
            "which mmengine does not read: start from the config of the same model that the installed library ships "
            "(mmdet::..., mmseg::..., mmpretrain::...), or translate it by the library's migration guide."
        )


def reading_error(error: Exception, file: Path) -> ValueError:
    """Return an error that says why mmengine could not read a config, with the file and the line if they are known.

    Args:
        error: The error that mmengine raised.
        file: The config. The mistake may be in a file that it inherits from.
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
    """Return the config file that was read when an error arose, and its line if the file's own code was running."""
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
