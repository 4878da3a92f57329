"""The arms: each builds, trains a step, and differs from ConvNeXt V2 with FCMAE in one thing."""

from dataclasses import replace

import pytest
import torch

from benchmarks.evidence.arms import ARMS, COMPARISONS, TRANSFERS
from benchmarks.evidence.pretraining import pretrain
from benchmarks.evidence.summary import COLUMNS
from cnxv2_mm.feature_norms import ResponseNorm
from tests.benchmarks.evidence.examples import TINY, digits

BY_NAME = {arm.name: arm for arm in ARMS}
NO_MOMENTS = {"at_moment": lambda moment, encoder: None}


@pytest.mark.parametrize("arm", [arm for arm in ARMS if arm.method == "fcmae"], ids=lambda arm: arm.name)
def test_every_arm_pre_trains(arm):
    settings = replace(TINY, image_size=96, pretrain_steps=2)  # of 9 patches any of the ratios leaves one
    model, losses = pretrain(arm, digits()[0], 0, settings, **NO_MOMENTS)
    assert all(loss > 0 for loss in losses)
    assert (model.mask_ratio, model.layout) == (arm.mask_ratio, arm.layout)
    norms = [module for module in model.backbone.modules() if isinstance(module, ResponseNorm)]
    assert bool(norms) == arm.name.startswith("grn-")
    has_grn = any(".grn." in name for name, _ in model.backbone.named_parameters())
    decoder_has_grn = any(".grn." in name for name, _ in model.decoder.named_parameters())
    assert has_grn == decoder_has_grn == (not arm.name.startswith("v1"))


def test_an_arm_differs_in_the_thing_that_its_name_says():
    default = BY_NAME["v2"]
    for arm in ARMS:
        changed = [name for name, value in vars(arm).items() if name != "name" and value != vars(default)[name]]
        expected = {"v2": 0, "v1-supervised": 2, "v1-masked-input": 2}.get(arm.name, 1)
        assert len(changed) == expected, arm


def test_table_3_of_the_paper_is_about_these_architectures():
    v1 = torch.nn.ModuleList([pretrain(BY_NAME["v1"], digits()[0], 0, TINY, **NO_MOMENTS)[0].backbone])
    assert any(name.endswith("stages.0.0.gamma") for name, _ in v1.named_parameters())  # V1's layer scale


def test_comparisons_name_what_is_run():
    names = [*BY_NAME, *(transfer.name for transfer in TRANSFERS)]
    assert len(set(names)) == len(names)
    compared = [arm for comparison in COMPARISONS for arm in comparison.arms]
    assert set(compared) == set(names)
    assert {column for comparison in COMPARISONS for column in comparison.columns} <= set(COLUMNS)
    assert {transfer.pretrained for transfer in TRANSFERS} - {None} <= set(BY_NAME)


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_a_number_or_variant_in_a_name_is_that_of_the_arm(arm):
    kind, _, value = arm.name.partition("-")
    assert arm.mask_ratio == (float(value) if kind == "mask" else 0.6)
    expected = {
        "mean": {"aggregation": "mean"},
        "l1": {"aggregation": "l1"},
        "standardise": {"normalisation": "standardise"},
        "sum": {"normalisation": "sum"},
        "no-residual": {"residual": False},
    }
    assert arm.backbone.get("grn") == (expected[value] if kind == "grn" else None)
