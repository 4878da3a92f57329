"""Which checkpoint a run goes on from. A new run does not overwrite the checkpoints of an earlier one."""

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
    """Change a config so that its training goes on from a checkpoint.

    Args:
        config: A whole config; edited in place.
        checkpoint: A file or address, or ``auto`` for the last checkpoint of the working folder. If the folder has
            none, the training starts from the beginning, with the config's ``load_from``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, could run code, or does not hold the state of a training.
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
    """Refuse a checkpoint that does not exist. Addresses such as ``https://...`` are left to mmengine.

    Raises:
        FileNotFoundError: There is no such file.
    """
    if "://" not in checkpoint and not Path(checkpoint).exists():
        raise FileNotFoundError(f"checkpoint {checkpoint!r} does not exist (looked for {Path(checkpoint).absolute()}).")


def check_work_dir(config: Config) -> None:
    """Refuse to start from the beginning in a folder where an earlier run has left its checkpoints.

    Raises:
        ValueError: There are some. The text names them and says what to do.
    """
    earlier = sorted(path.name for path in _checkpoints(config))
    if earlier:
        names = ", ".join(earlier[:3]) + (", ..." if len(earlier) > 3 else "")
        raise ValueError(
            f"{_folder(config)} has checkpoints of an earlier run ({names}), which this one would overwrite: go on "
            "from them with --resume, give another --work-dir, or start over with --overwrite."
        )


def _take_over(config: Config, checkpoint: str) -> None:
    """Take the seed from a checkpoint: it has to be known before the data loaders are built."""
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
    """Return the checkpoint that is noted as the last one; if it is not here or damaged, the newest whole one."""
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
    """Return the checkpoints that can be read, the newest first.

    The time is the one inside the checkpoint: copying a folder may change the times of its files.
    """
    ages: dict[Path, tuple[str, int]] = {}
    for path in _checkpoints(config):
        try:
            meta = read_without_tensors(path)["meta"]
            ages[path] = (str(meta["time"]), int(meta["iter"]))
        except (ValueError, OSError, KeyError, TypeError):  # damaged, or no checkpoint of a run
            continue
    return sorted(ages, key=lambda path: ages[path], reverse=True)


def _checkpoints(config: Config) -> Iterator[Path]:
    """Return the files in the folder that have such a name as this run gives its checkpoints."""
    hook = _checkpoint_hook(config)
    template = hook.get("filename_tmpl") or ("epoch_{}.pth" if hook.get("by_epoch", True) else "iter_{}.pth")
    return _folder(config).glob(re.sub(r"\{.*?\}", "*", glob.escape(template)))


def _folder(config: Config) -> Path:
    """Return the folder that the checkpoint hook saves into; the working folder, if it saves to another storage."""
    out_dir = _checkpoint_hook(config).get("out_dir")
    work_dir = Path(config.work_dir)
    return work_dir if out_dir is None or "://" in str(out_dir) else Path(out_dir) / work_dir.name


def _checkpoint_hook(config: Config) -> dict[str, Any]:
    return (config.get("default_hooks") or {}).get("checkpoint") or {}
