"""What every decoder does inside FCMAE: it trains, predicts, and goes through checkpoints."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from mmengine.runner import Runner
from torch import nn

from cnxv2_mm import FCMAE
from cnxv2_mm.checkpoints import load
from cnxv2_mm.masking import random_visible
from cnxv2_mm.training.layer_decay import is_never_decayed
from tests.conftest import photographs
from tests.test_fcmae import SMALL, Photographs, loss_by_definition

DECODERS = {
    "convnext": {"type": "cnxv2_mm.FCMAEDecoder", "width": 16},
    "plain": {"width": 16, "use_grn": False},
    "transformer": {"type": "cnxv2_mm.TransformerDecoder", "width": 32, "depth": 2},
    "unet": {"type": "cnxv2_mm.UNetDecoder"},
    "unet_without_skips": {"type": "cnxv2_mm.UNetDecoder", "skip": False, "use_grn": False},
}


def build(name: str, **options: object) -> FCMAE:
    return FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": SMALL}, DECODERS[name], **options)


@pytest.fixture(params=DECODERS)
def name(request):
    return request.param


def test_every_parameter_is_trained_and_the_loss_falls(name):
    model = build(name)
    images, visible = photographs(4), random_visible(4, (3, 2), 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for step in range(30):
        optimizer.zero_grad()
        loss = model.reconstruction_loss(images, visible, 2)
        loss.backward()
        if step == 1:  # the first step has moved what started at zero
            silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
            assert silent == []
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_each_patch_is_painted_at_its_own_place(name, monkeypatch):
    """Oracle: the whole image painted cell by cell, on the specification of masked encoding."""
    model = build(name, patch_size=64)
    images, visible = photographs(2, size=(128, 192)), random_visible(2, (2, 3), 2)
    if model.decoder.reads_all_stages:
        monkeypatch.setattr(model.backbone, "encode_visible", model.backbone.encode_visible_stages)
    expected = loss_by_definition(model, images, visible)
    assert model.reconstruction_loss(images, visible, 2).item() == pytest.approx(expected, rel=1e-4)


def test_predictions_agree_with_the_loss(name):
    model = build(name).eval()
    samples = model(photographs(2), mode="predict")
    visible = torch.stack([sample.visible for sample in samples])
    assert samples[0].reconstruction.shape == (3, 96, 64)
    with torch.no_grad():
        loss = model.reconstruction_loss(photographs(2), visible, int(visible[0].sum()))
    assert torch.stack([sample.loss for sample in samples]).mean().item() == pytest.approx(loss.item(), rel=1e-5)


def test_a_checkpoint_fills_the_same_decoder(name, tmp_path):
    source, target = build(name), build(name)
    for parameter in source.parameters():
        nn.init.normal_(parameter, std=0.3)
    torch.save({"state_dict": source.state_dict()}, tmp_path / "whole.pth")
    load(target, tmp_path / "whole.pth")
    for (key, tensor), filled in zip(source.state_dict().items(), target.state_dict().values(), strict=True):
        assert torch.equal(tensor, filled), key


def test_another_decoder_stays_as_it_is_and_the_encoder_is_filled(name, tmp_path):
    source = build(name)
    target = build("unet" if name == "transformer" else "transformer")
    before = {key: tensor.clone() for key, tensor in target.decoder.state_dict().items()}
    torch.save({"state_dict": source.state_dict()}, tmp_path / "whole.pth")
    load(target, tmp_path / "whole.pth")
    assert all(torch.equal(tensor, before[key]) for key, tensor in target.decoder.state_dict().items())
    assert torch.equal(source.backbone.stages[3][0].pwconv1.weight, target.backbone.stages[3][0].pwconv1.weight)


def test_half_a_decoder_is_refused(name, tmp_path):
    state = build(name).state_dict()
    del state["decoder.pred.bias"]
    torch.save({"state_dict": state}, tmp_path / "half.pth")
    with pytest.raises(ValueError, match=r"1 missing \(decoder.pred.bias\)"):
        load(build(name), tmp_path / "half.pth")


def test_bfloat16_autocast_stays_within_its_rounding(name):
    """bfloat16 has 8 significant bits; the error of some fifty roundings stays below a few per cent."""
    model = build(name)
    images, visible = photographs(2), random_visible(2, (3, 2), 3)
    exact = model.reconstruction_loss(images, visible, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = model.reconstruction_loss(images, visible, 3)
    assert rounded.item() == pytest.approx(exact.item(), rel=0.03)
    rounded.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_vectors_are_never_decayed_and_matrices_are(name):
    for owner in build(name).decoder.modules():
        for local_name, parameter in owner.named_parameters(recurse=False):
            assert is_never_decayed(owner, local_name, parameter.ndim) == (parameter.ndim < 2)


@pytest.mark.parametrize(
    ("name", "grn", "layout"),
    [
        ("transformer", {"aggregation": "l1", "residual": False}, "packed"),
        ("unet", "bn", "packed"),
        ("unet_without_skips", "cbam", "masked_input"),
    ],
    ids=lambda value: value if isinstance(value, str) else "l1",
)
def test_the_runner_pre_trains_ablations_and_a_backbone_starts_from_them(name, grn, layout, tmp_path):
    backbone = {"type": "cnxv2_mm.ConvNeXtV2", "arch": SMALL, "grn": grn}
    model = {"type": "cnxv2_mm.FCMAE", "backbone": backbone, "decoder": DECODERS[name], "layout": layout}
    model["data_preprocessor"] = {"type": "ImgDataPreprocessor"}
    config = Config({"model": {**model, "mask_ratio": 0.5}})
    loader = {"dataset": Photographs(), "batch_size": 8, "num_workers": 0, "collate_fn": {"type": "pseudo_collate"}}
    loader["sampler"] = {"type": "DefaultSampler", "shuffle": False}
    runner = Runner(
        model=config.model,
        work_dir=str(tmp_path),
        train_dataloader=loader,
        val_dataloader=loader,
        optim_wrapper={
            "constructor": "cnxv2_mm.LayerDecayOptimWrapperConstructor",
            "optimizer": {"type": "AdamW", "lr": 3e-3, "weight_decay": 0.05},
            "paramwise_cfg": {"layer_decay_rate": 1.0},
        },
        train_cfg={"by_epoch": True, "max_epochs": 6, "val_interval": 6},
        val_cfg={},
        val_evaluator={"type": "cnxv2_mm.ReconstructionLoss"},
        default_hooks={"checkpoint": {"type": "CheckpointHook", "interval": 6}},
        randomness={"seed": 0},
        experiment_name=f"decoder-{name}",
        log_level="ERROR",
    )
    before = runner.val()
    runner.train()
    assert runner.val_loop.run()["reconstruction/loss"] < before["reconstruction/loss"]
    init_cfg = {"type": "Pretrained", "checkpoint": str(tmp_path / "epoch_6.pth")}
    tuned = MODELS.build(Config({"backbone": {**backbone, "init_cfg": init_cfg}}).backbone)
    tuned.init_weights()
    for key, tensor in runner.model.backbone.state_dict().items():
        assert torch.equal(tuned.state_dict()[key], tensor), key
