"""Which model predicts: the folder of a run, or a config and a checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_MODEL, ENCODER = "model.pth", "encoder.safetensors"  # of `cnxv2 finetune` and of `cnxv2 pretrain`
_CHECKPOINTS = (".pth", ".pt", ".ckpt", ".bin")
_FORMS = "give DIR IMAGES... or CONFIG CHECKPOINT IMAGES..."


@dataclass(frozen=True)
class Source:
    """A config, and the weights that were trained with it.

    Attributes:
        config: Its file, or ``<library>::<file>``.
        checkpoint: The file of the weights, or their address.
    """

    config: str
    checkpoint: str


def split_words(words: Sequence[str]) -> tuple[Source, list[str]]:
    """Tell the model from the images in ``DIR IMAGES...`` or ``CONFIG CHECKPOINT IMAGES...``.

    The first form is meant if the first word is a folder.

    Args:
        words: What stands on the command line.

    Returns:
        The model, and the words that name images, at least one.

    Raises:
        FileNotFoundError: There is no such folder, config or checkpoint, or the folder lacks one of them.
        ValueError: The words are of neither form.
    """
    first, *rest = words
    if Path(first).is_dir():
        source = find_in_folder(Path(first))
        if rest and _is_checkpoint(rest[0]):
            raise ValueError(
                f"{first} is a folder, whose own weights are used, and {rest[0]} is a checkpoint: leave it out, or "
                f"give {source.config} {rest[0]} IMAGES..."
            )
    elif _is_checkpoint(first):
        raise ValueError(f"{first} is a checkpoint, and its config has to stand before it: {_FORMS}")
    elif "::" not in first and not first.endswith(".py"):
        what = "is no config, whose name ends in .py" if Path(first).exists() else "does not exist"
        raise FileNotFoundError(f"{first} {what}, and no folder of a run: {_FORMS}")
    else:
        if not rest or not _is_checkpoint(rest[0]):
            found = f"not {rest[0]}" if rest else "and there is none"
            raise ValueError(
                f"after the config {first} its checkpoint is expected ({', '.join(_CHECKPOINTS)}), {found}: {_FORMS}"
            )
        source = Source(first, rest.pop(0))
    check_checkpoint(source)
    if not rest:
        raise ValueError(f"there are no images to predict: {_FORMS}")
    return source, rest


def check_checkpoint(source: Source) -> None:
    """Check that the file of the weights exists, unless it is an address.

    Raises:
        FileNotFoundError: There is no such file.
    """
    if "://" not in source.checkpoint and not Path(source.checkpoint).is_file():
        raise FileNotFoundError(f"checkpoint {source.checkpoint} does not exist.")


def find_in_folder(folder: Path) -> Source:
    """Find the config and the weights in the folder of a run.

    That is a run of ``cnxv2 finetune``, with ``config.py`` and ``model.pth``, or a working folder of mmengine: the one
    config that mmengine has written there, and ``best_*.pth``, or else what ``last_checkpoint`` names.

    Raises:
        FileNotFoundError: The folder has no config or no weights.
        ValueError: It has several and does not say which.
    """
    configs, best = sorted(folder.glob("*.py")), sorted(folder.glob("best_*.pth"))
    if (folder / ENCODER).is_file():
        raise ValueError(
            f"{folder} is a pre-training, whose encoder finds nothing in images yet: run cnxv2 finetune on it first."
        )
    if len(configs) != 1:
        found = f"several configs ({', '.join(path.name for path in configs)})" if configs else "no config (*.py)"
        raise (ValueError if configs else FileNotFoundError)(f"{folder} has {found}: name CONFIG CHECKPOINT IMAGES...")
    note = folder / "last_checkpoint"
    if (folder / _MODEL).is_file():
        checkpoint = folder / _MODEL
    elif len(best) > 1:
        raise ValueError(
            f"{folder} has several best checkpoints ({', '.join(path.name for path in best)}): name "
            f"{configs[0]} and one of them."
        )
    elif best:
        checkpoint = best[0]
    elif note.is_file():
        checkpoint = folder / Path(note.read_text().strip()).name  # the folder may have been moved
    else:
        raise FileNotFoundError(
            f"{folder} has no weights ({_MODEL}, best_*.pth or last_checkpoint): its run has not finished."
        )
    return Source(str(configs[0]), str(checkpoint))


def _is_checkpoint(word: str) -> bool:
    return Path(word).suffix.lower() in _CHECKPOINTS
