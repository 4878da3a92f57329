"""What a training has reached: its best scores, and the weights that reached them as one file."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.runner.checkpoint import CheckpointLoader

from cnxv2_mm.recipes.finetuning.task import Score
from cnxv2_mm.recipes.logged_numbers import logged_numbers
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.training.saving import LAST_CHECKPOINT, write_whole

# What a model needs to predict; the rest of a checkpoint's ``meta`` is the state of its training.
_META = ("cfg", "dataset_meta", "mmengine_version", "time")


def write_model(folder: RunFolder, best: Score) -> tuple[str, ...]:
    """Write ``model.pth``: the best weights alone, with what the libraries' inferencers need, config and classes.

    Args:
        folder: A run folder whose training has ended.
        best: The score that decides.

    Returns:
        The names of the model's classes.

    Raises:
        FileNotFoundError: The training has left no checkpoint.
    """
    checkpoint = _best_checkpoint(folder.work, _best_validation(folder.work, best.key).get("step"))
    content = CheckpointLoader.load_checkpoint(str(checkpoint), map_location="cpu")
    meta = {key: content["meta"][key] for key in _META if key in content["meta"]}
    buffer = io.BytesIO()
    torch.save({"meta": meta, "state_dict": content["state_dict"]}, buffer)
    write_whole(buffer.getvalue(), folder.model)
    return tuple(meta.get("dataset_meta", {}).get("classes", ()))


def best_scores(folder: RunFolder, scores: Sequence[Score]) -> dict[str, float]:
    """Return the scores of the validation with the best first score, by their names for people, as fractions of one.

    Args:
        folder: A run folder; what it validated before it was interrupted and resumed counts, too.
        scores: The task's scores.
    """
    best = _best_validation(folder.work, scores[0].key)
    return {score.name: best[score.key] / score.unit for score in scores if score.key in best}


def _best_validation(work: Path, key: str) -> dict[str, Any]:
    """Return the logged numbers of the validation with the largest one; nothing if none has been logged."""
    best: dict[str, Any] = {}
    for numbers in logged_numbers(work):
        if key in numbers and (not best or numbers[key] > best[key]):
            best = numbers
    return best


def _best_checkpoint(work: Path, step: int | None) -> Path:
    """Return the checkpoint of the best validation.

    A run that is killed and goes on from a checkpoint does not know the validation behind it, and keeps a best
    checkpoint of its own: there may be two.
    """
    best = sorted(work.glob("best_*.pth"), key=lambda file: file.stat().st_mtime)
    if exact := [file for file in best if file.stem.endswith(f"_iter_{step}")]:
        return exact[-1]
    if best:
        return best[-1]
    note = work / LAST_CHECKPOINT
    last = work / Path(note.read_text().strip()).name if note.is_file() else None
    if last is None or not last.is_file():
        raise FileNotFoundError(f"{work} has no checkpoint: the training has not ended")
    return last
