"""What is exported: a trained model with its test pipeline, or a backbone, from what a user names."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from cnxv2_mm.checkpoints import load_backbone
from cnxv2_mm.checkpoints.backbone import weights_of
from cnxv2_mm.export.models import exportable
from cnxv2_mm.export.models.base import ExportableModel
from cnxv2_mm.prediction.model import TrainedModel
from cnxv2_mm.prediction.pipeline import ImagePipeline
from cnxv2_mm.prediction.source import ENCODER, Source, check_checkpoint, find_in_folder
from cnxv2_mm.prediction.statistics import find_statistics


@dataclass(frozen=True)
class Subject:
    """A model that is to be exported.

    Attributes:
        name: What its file is called, without an ending.
        model: The model.
        preprocessor: Its data preprocessor.
        config: Its config; None of a backbone.
        pipeline: How images are read and prepared for it; None of a backbone, whose images have any size.
        classes: The names of its classes, if they are known.
        source: The files that it was read from: 'config' and 'checkpoint'.
    """

    name: str
    model: ExportableModel
    preprocessor: Any
    config: Config | None
    pipeline: ImagePipeline | None
    classes: tuple[str, ...]
    source: dict[str, str | None]


def load_subject(source: str | os.PathLike[str] | Source, *, logits: bool = False) -> Subject:
    """Load a model that is to be exported.

    Args:
        source: A config and its checkpoint; or the folder of a run with both; or, of a backbone alone, what
            :func:`cnxv2_mm.load_backbone` takes: a name of the zoo, a file, the folder of a pre-training.
        logits: See :func:`cnxv2_mm.export.models.exportable`.

    Raises:
        FileNotFoundError: There is no such config, checkpoint or folder.
        ValueError: They do not fit each other, or the model cannot be exported.
    """
    if not isinstance(source, Source):
        word = os.fspath(source)
        folder = Path(word)
        if not folder.is_dir() or (folder / ENCODER).is_file():
            return _backbone(word, logits)
        source, name = find_in_folder(folder), folder.resolve().name
    else:
        name = Path(source.config.rpartition("::")[2]).stem
    check_checkpoint(source)
    trained = TrainedModel(source)
    model = exportable(trained.model, logits=logits)
    files: dict[str, str | None] = {"config": source.config, "checkpoint": source.checkpoint}
    preprocessor = trained.model.data_preprocessor
    return Subject(name, model, preprocessor, trained.config, trained.pipeline, trained.classes, files)


def _backbone(checkpoint: str, logits: bool) -> Subject:
    if checkpoint.endswith(".py"):
        raise ValueError(f"{checkpoint} is a config: its checkpoint has to stand behind it")
    backbone = load_backbone(checkpoint)
    statistics = find_statistics(checkpoint, backbone.in_channels)
    model: Any = exportable(backbone, logits=logits, statistics=statistics)
    file = weights_of(checkpoint)
    name = Path(checkpoint).resolve().name if Path(checkpoint).is_dir() else Path(checkpoint).stem
    return Subject(name, model, model.preprocessor, None, None, (), {"config": None, "checkpoint": file})
