"""Which checkpoint a run goes on from, and that a new run does not overwrite those of an earlier one."""

import glob
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.logging import print_log

from cnxv2_mm.checkpoints import is_whole, read_without_tensors
from cnxv2_mm.training.saving import LAST_CHECKPOINT


def resume(config: Config, checkpoint: str) -> None:
    """Continue an interrupted training; the config is edited in place.

    Args:
        checkpoint: a file or address, or ``auto`` for the last checkpoint of the working folder; where there is none,
            the training starts from the beginning, with the config's ``load_from``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is damaged, could run code, or has no state of a training.
    """
    if checkpoint == "auto":
        found = _last_checkpoint(config)
        if found is None:
            print_log(
                f"No checkpoint to resume in {config.work_dir}: training starts from the beginning.", logger="current"
            )
            config.resume = False
            return
        checkpoint = str(found)
    check_checkpoint(checkpoint)
    config.resume = True
    config.load_from = checkpoint
    if Path(checkpoint).is_file():
        _take_over(config, checkpoint)


def check_checkpoint(checkpoint: str) -> None:
    """Refuse a checkpoint that is no file; addresses such as ``https://...`` are left to mmengine.

    Raises:
        FileNotFoundError: no such file.
    """
    if "://" not in checkpoint and not Path(checkpoint).exists():
        raise FileNotFoundError(f"checkpoint {checkpoint!r} does not exist (looked for {Path(checkpoint).absolute()}).")


def check_work_dir(config: Config) -> None:
    """Refuse to start from the beginning where an earlier run has left its checkpoints.

    Raises:
        ValueError: names them and the ways to go on.
    """
    earlier = sorted(path.name for path in _checkpoints(config))
    if earlier:
        names = ", ".join(earlier[:3]) + (", ..." if len(earlier) > 3 else "")
        raise ValueError(
            f"{_folder(config)} has checkpoints of an earlier run ({names}), which this one would overwrite: go on "
            "from them with --resume, give another --work-dir, or start over with --overwrite."
        )


def _take_over(config: Config, checkpoint: str) -> None:
    """Set what has to be known before the data loaders are built: the seed."""
    content = read_without_tensors(checkpoint)
    meta = content.get("meta") if isinstance(content, dict) else None
    if not isinstance(meta, dict) or not {"epoch", "iter"} <= meta.keys():
        raise ValueError(
            f"checkpoint {checkpoint!r} has weights but no state of a training, so that it cannot be resumed: start a "
            f"training from them with --cfg-options load_from={checkpoint}"
        )
    if "optimizer" not in content:
        print_log(f"{checkpoint} was saved without the optimiser's state, which starts anew.", logger="current")
    if meta.get("seed") is not None:
        config.setdefault("randomness", ConfigDict())["seed"] = meta["seed"]


def _last_checkpoint(config: Config) -> Path | None:
    """Return what was noted as the last one, in this very folder, or the newest whole one, if that is not to be had."""
    note, folder = Path(config.work_dir) / LAST_CHECKPOINT, _folder(config)
    noted = note.read_text().strip() if note.is_file() else ""
    if "://" in noted:
        return Path(noted)
    # By its name alone: the folder may have been moved or copied.
    last = folder / Path(noted).name if noted else None
    if last is not None and (last.is_dir() or is_whole(last)):  # a folder: DeepSpeed's
        return last
    newest = next(filter(is_whole, _newest_first(config)), None)
    if noted or newest is not None:
        found = f"{noted!r}, which is {'damaged' if last and last.exists() else 'not here'}" if noted else "nothing"
        instead = f"taking {newest.name}, the newest whole checkpoint" if newest else "there is no whole checkpoint"
        print_log(f"{note} names {found}: {instead} of {folder}.", logger="current")
    return newest


def _newest_first(config: Config) -> list[Path]:
    """Checkpoints that can be read, by what they say of their age: copying a folder may change the files' times."""
    ages = {}
    for path in _checkpoints(config):
        try:
            meta = read_without_tensors(path)["meta"]
            ages[path] = (str(meta["time"]), int(meta["iter"]))
        except (ValueError, OSError, KeyError, TypeError):  # damaged, or no checkpoint of a run
            continue
    return sorted(ages, key=ages.get, reverse=True)


def _checkpoints(config: Config) -> Iterator[Path]:
    """Those with the names that this run will use."""
    hook = _checkpoint_hook(config)
    template = hook.get("filename_tmpl") or ("epoch_{}.pth" if hook.get("by_epoch", True) else "iter_{}.pth")
    return _folder(config).glob(re.sub(r"\{.*?\}", "*", glob.escape(template)))


def _folder(config: Config) -> Path:
    """Where the checkpoint hook saves, if that is on this disk."""
    out_dir = _checkpoint_hook(config).get("out_dir")
    work_dir = Path(config.work_dir)
    return work_dir if out_dir is None or "://" in str(out_dir) else Path(out_dir) / work_dir.name


def _checkpoint_hook(config: Config) -> dict[str, Any]:
    return (config.get("default_hooks") or {}).get("checkpoint") or {}
