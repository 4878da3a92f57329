"""Which family a model belongs to, and what is said of one that has none."""

from importlib import import_module

import pytest
from mmdet.models import RetinaNet
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.config.load import load_config
from cnxv2_mm.export import models
from cnxv2_mm.export.models import exportable
from cnxv2_mm.export.models.backbone import Backbone
from cnxv2_mm.export.models.classifier import Classifier
from cnxv2_mm.export.models.dense_detector import DenseDetector
from cnxv2_mm.prediction.statistics import Statistics

SMALL = {"depths": (1, 1, 1, 1), "channels": (8, 16, 32, 64)}


def build(source):
    config = load_config(source.config)
    init_default_scope(config.default_scope)
    return MODELS.build(config.model).eval()


def test_families(classifier, detector):
    assert type(exportable(build(classifier))) is Classifier
    found = exportable(build(detector))
    assert type(found) is DenseDetector
    assert isinstance(found.model, RetinaNet)
    statistics = Statistics((0.0,) * 3, (1.0,) * 3, "none")
    assert type(exportable(ConvNeXtV2(SMALL).eval(), statistics=statistics)) is Backbone


def test_the_most_special_family_is_first():
    """Of two rows of one library the later one is never a subclass of the earlier."""
    rows = [(row.model, getattr(__import__(row.library, fromlist=[row.model]), row.model)) for row in models._FAMILIES]
    for place, (name, kind) in enumerate(rows):
        hidden = [other for other, later in rows[place + 1 :] if issubclass(later, kind)]
        assert not hidden, f"{name} hides {hidden}"


def test_each_row_names_a_class_of_ours_or_a_function_that_finds_it():
    for row in models._FAMILIES:
        found = getattr(import_module(f"cnxv2_mm.export.models.{row.file}"), row.exportable)
        assert found.__module__ == f"cnxv2_mm.export.models.{row.file}"


def test_no_family():
    with pytest.raises(ValueError, match=r"^Linear cannot be exported; these can: .*RetinaNet.*segmentors") as refused:
        exportable(nn.Linear(2, 2))
    assert "\n" not in str(refused.value)


def test_logits_are_of_segmentors(classifier):
    with pytest.raises(ValueError, match=r"--logits is for segmentors, and ImageClassifier is none"):
        exportable(build(classifier), logits=True)
