"""Models from published configs without a download and without fairscale: random weights, and a small BERT."""

import re
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from benchmarks.swap.search import values_of
from benchmarks.swap.small_bert import small_bert
from cnxv2_mm.config.build import build_on_meta
from cnxv2_mm.config.entry import type_name

# Keys whose values make a constructor or ``init_weights`` fetch weights.
_WEIGHTS = ("pretrained", "teacher_ckpt")
# Layers whose activations GroundingDINO recomputes to save memory, which it does with fairscale.
_RECOMPUTED = "num_cp"
# Parts that read BERT from Hugging Face, and the key under which each names it.
_BERT_NAMES = {"BertModel": "name", "ATSSVLFusionHead": "lang_model_name"}
# Steps of data preprocessors that make images as large as those that the configs are about.
_ENLARGING = re.compile(r"Batch\w*(Pad|Resize)")
_SIDE = 64


def build_without_numbers(config: Config) -> nn.Module:
    """Build the model of a config on the meta device, where it has shapes but no numbers."""
    init_default_scope(config.get("default_scope") or "mmengine")
    return build_on_meta(_offline(config.model))


def build_model(config: Config) -> nn.Module:
    """Build the model of a config with its random initialisation, for one process and small images."""
    init_default_scope(config.get("default_scope") or "mmengine")
    model = _offline(config.model)
    if "data_preprocessor" in config:
        model.setdefault("data_preprocessor", config.data_preprocessor)  # as the Runner does
    if model.get("data_preprocessor"):
        _leave_small(model.data_preprocessor)
    model = MODELS.build(model)
    model.init_weights()
    return revert_sync_batchnorm(model)


def _leave_small(preprocessor: ConfigDict) -> None:
    """Take out of a data preprocessor what enlarges images; mmseg's gets another fixed size."""
    if preprocessor.get("size"):
        preprocessor.size = (_SIDE, _SIDE)
    augments = preprocessor.get("batch_augments")
    if isinstance(augments, list):
        preprocessor.batch_augments = [a for a in augments if not _ENLARGING.fullmatch(a.type)] or None
    for inner in values_of(preprocessor, "data_preprocessor"):
        _leave_small(inner)


def _offline(model: Any) -> Any:
    """Return a copy of a model's config that asks for no download."""
    if isinstance(model, Mapping):
        changed: Any = type(model)()
        for key, value in model.items():
            if key in _WEIGHTS or (key == "init_cfg" and "Pretrained" in repr(value)):
                changed[key] = None
            elif key == _RECOMPUTED:
                changed[key] = 0
            elif key == "type" and value == "MMSyncBN":  # it wants a process group; SyncBN can do without
                changed[key] = "SyncBN"
            else:
                changed[key] = _offline(value)
        name_key = _BERT_NAMES.get(type_name(changed))
        if name_key is not None:
            changed[name_key] = small_bert()
        return changed
    if isinstance(model, list | tuple):
        return type(model)(_offline(item) for item in model)
    return model
