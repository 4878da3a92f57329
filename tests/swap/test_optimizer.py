"""AdamW with layer decay, and what it makes of schedules."""

import pytest
from mmengine.config import Config

from cnxv2_mm.swap.optimizer import CONSTRUCTOR, say_what_it_is_for, use_adamw

SGD = {"type": "SGD", "lr": 0.02, "momentum": 0.9, "weight_decay": 1e-4}
WARMUP = {"type": "LinearLR", "start_factor": 0.001, "by_epoch": False, "begin": 0, "end": 500}
STEPS = {"type": "MultiStepLR", "milestones": [8, 11], "gamma": 0.1, "by_epoch": True, "begin": 0, "end": 12}
PARAMS = ("layers.0.norm.weight", "layers.0.attn.relative_position_bias_table", "patch_embed.norm.weight")


def config(optimizer=None, schedulers=(WARMUP, STEPS), filename=None, **others):
    wrapper = {"type": "OptimWrapper", "optimizer": dict(optimizer or SGD), **others.pop("wrapper", {})}
    schedulers = [dict(item) for item in schedulers]
    return Config(
        {"optim_wrapper": wrapper, "param_scheduler": schedulers, **others}, filename=filename, cfg_text="not read"
    )


@pytest.mark.parametrize(
    ("others", "images", "rate"),
    [
        ({"auto_scale_lr": {"base_batch_size": 16}}, 16, 1e-4),
        ({"auto_scale_lr": {"base_batch_size": 64}}, 64, 2e-4),
        ({"filename": "pspnet_r50-d8_4xb2-40k.py", "auto_scale_lr": {"base_batch_size": 16}}, 8, 7.1e-5),
        ({"train_dataloader": {"batch_size": 32}}, 256, 4e-4),
    ],
)
def test_the_rate_follows_the_root_of_the_images_per_step(others, images, rate):
    cfg = config(**others)
    notes = use_adamw(cfg, ())
    values = {"type": "AdamW", "lr": rate, "betas": (0.9, 0.999), "weight_decay": 0.05, "fused": True}
    assert cfg.optim_wrapper.optimizer == values
    assert rate == pytest.approx(1e-4 * (images / 16) ** 0.5, rel=0.01)
    assert f"{images} images per step" in notes[0]
    # What --auto-scale-lr divides by is what the rate was computed for.
    assert cfg.auto_scale_lr == {"enable": False, "base_batch_size": images}
    assert cfg.optim_wrapper.constructor == CONSTRUCTOR
    assert cfg.param_scheduler == [WARMUP, STEPS]


def test_adamw_keeps_its_rate_and_the_wrapper_its_settings():
    adamw = {"type": "AdamW", "lr": 3e-4, "betas": (0.9, 0.98)}
    wrapper = {"clip_grad": {"max_norm": 0.1}, "accumulative_counts": 2}
    cfg = config(adamw, wrapper={**wrapper, "type": "AmpOptimWrapper"})
    use_adamw(cfg, ())
    assert cfg.optim_wrapper.optimizer == {**adamw, "weight_decay": 0.01}
    assert cfg.optim_wrapper.type == "AmpOptimWrapper"
    assert {key: cfg.optim_wrapper[key] for key in wrapper} == wrapper


def test_rules_about_other_parts_are_kept():
    keys = {
        "backbone": {"lr_mult": 0.1, "decay_mult": 1.0},
        "backbone.patch_embed.norm": {"decay_mult": 0.0},
        "relative_position_bias_table": {"decay_mult": 0.0},
        "norm": {"decay_mult": 0.0},
        "query_embed": {"lr_mult": 1.0, "decay_mult": 0.0},
    }
    cfg = config(wrapper={"paramwise_cfg": {"custom_keys": keys, "norm_decay_mult": 0.0}})
    notes = use_adamw(cfg, PARAMS)
    kept = {key: keys[key] for key in ("backbone", "query_embed")}
    assert cfg.optim_wrapper.paramwise_cfg == {"layer_decay_rate": 0.9, "strategy": "single", "custom_keys": kept}
    assert "backbone.patch_embed.norm, relative_position_bias_table, norm" in " ".join(notes)


def test_an_absolute_floor_becomes_a_relative_one():
    """It would lie above the rates of the first layers, which then grow instead of falling."""
    cosine = {"type": "CosineAnnealingLR", "eta_min": 0.001, "T_max": 10}
    poly = {"type": "PolyLR", "eta_min": 1e-4, "power": 0.9, "begin": 0, "end": 100, "by_epoch": False}
    cfg = config(schedulers=(WARMUP, cosine, poly))
    use_adamw(cfg, ())
    assert cfg.param_scheduler[1] == {"type": "CosineAnnealingLR", "eta_min_ratio": 0.05, "T_max": 10}
    assert cfg.param_scheduler[2].eta_min == 0.0


@pytest.mark.parametrize(
    ("schedulers", "max_iters", "steps"),
    [
        ((STEPS,), None, 1000),
        ((STEPS,), 160000, 1000),
        ((STEPS,), 2000, 100),
        (({"type": "LinearLR", "start_factor": 1.0, "end_factor": 0.0, "end": 9},), None, 1000),  # falls
        (({"type": "QuadraticWarmupLR", "end": 5}, STEPS), None, None),
        ((WARMUP, STEPS), None, None),
    ],
)
def test_a_warm_up_is_added_where_there_is_none(schedulers, max_iters, steps):
    cfg = config(schedulers=schedulers, train_cfg={"max_iters": max_iters})
    use_adamw(cfg, ())
    added = len(cfg.param_scheduler) - len(schedulers)
    assert added == (steps is not None)
    if added:
        assert cfg.param_scheduler[0] == {**WARMUP, "end": steps}


def test_momentum_has_no_schedule_any_more():
    cfg = config(schedulers=(WARMUP, STEPS, {"type": "CosineAnnealingMomentum", "eta_min": 0.8}))
    use_adamw(cfg, ())
    assert cfg.param_scheduler == [WARMUP, STEPS]


def test_a_config_without_one_optimiser_is_left_alone():
    cfg = Config({"model": {}})
    assert use_adamw(cfg, ()) == ["optimiser: not changed, because the config has none"]
    several = {"optim_wrapper": {"generator": {"optimizer": SGD}, "constructor": "Two"}}
    cfg = Config(several)
    use_adamw(cfg, ())
    assert cfg.optim_wrapper == several["optim_wrapper"]


@pytest.mark.parametrize(
    ("others", "batch", "schedule"),
    [
        ({"auto_scale_lr": {"base_batch_size": 64}, "train_cfg": {"max_epochs": 12}}, 64, "500 steps of 12 epochs"),
        ({"filename": "x_4xb2-40k.py", "train_cfg": {"max_iters": 40000}}, 8, "500 steps of 40000 steps"),
        (
            {"schedulers": ({**WARMUP, "by_epoch": True, "end": 5},), "train_cfg": {"max_epochs": 300}},
            16,
            "5 epochs of",
        ),
        ({"schedulers": (STEPS,), "train_cfg": {"max_epochs": 12}}, 16, None),
        ({"train_cfg": {"type": "Loop"}}, 16, None),
    ],
)
def test_it_says_for_how_much_data_the_numbers_are(others, batch, schedule):
    cfg = config(**others)
    notes = say_what_it_is_for(cfg)
    assert f"for {batch} images per step" in notes[0]
    assert "--auto-scale-lr" in notes[0]
    assert cfg.auto_scale_lr.base_batch_size == batch
    assert len(notes) == 1 + (schedule is not None)
    if schedule is not None:
        assert f"the warm-up takes {schedule}" in notes[1]


def test_it_says_nothing_of_several_optimisers():
    several = Config({"optim_wrapper": {"generator": {"optimizer": SGD}}})
    assert say_what_it_is_for(several) == []
    assert "auto_scale_lr" not in several
