"""Every config loads, builds, and has an optimiser that decays no vector."""

from pathlib import Path

import pytest
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope

import cnxv2_mm  # noqa: F401  (registers, and stands in for mmcv's operators)
from cnxv2_mm.runner_config import load_config
from tests.test_structure import ROOT

CONFIGS = [p for p in sorted((ROOT / "configs").rglob("*.py")) if "_base_" not in p.parts]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: str(p.relative_to(ROOT)))
def test_it_builds_and_decays_no_vector(path: Path):
    cfg = load_config(str(path))
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    decayed = {id(p) for group in wrapper.optimizer.param_groups if group["weight_decay"] for p in group["params"]}
    wrong = [n for n, p in model.named_parameters() if p.ndim <= 1 and id(p) in decayed]
    assert wrong == []
    optimised = sum(len(group["params"]) for group in wrapper.optimizer.param_groups)
    assert optimised == sum(p.requires_grad for p in model.parameters())


def test_the_readme_of_the_configs_lists_each():
    text = (ROOT / "configs" / "README.md").read_text()
    assert [str(p) for p in CONFIGS if f"`{p.relative_to(ROOT / 'configs')}`" not in text] == []
