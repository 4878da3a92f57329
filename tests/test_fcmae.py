"""FCMAE against its definition in loops, its sizes, and a real run of mmengine's Runner."""

import copy

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch.utils.data import Dataset

from cnxv2_mm import FCMAE, ConvNeXtV2
from cnxv2_mm.masking import patchify, random_visible
from tests.conftest import photographs, relative_error, wake_grn
from tests.layouts.contract import ARCH

SMALL = {"depths": (1, 1, 2, 1), "channels": (8, 16, 24, 32)}

# The whole pre-training module: computed from the shapes of facebookresearch/ConvNeXt-V2 @ 2553895 (models/fcmae.py).
PARAMETERS = {
    "atto": 7_257_992,
    "femto": 8_751_472,
    "pico": 12_521_792,
    "nano": 19_016_592,
    "tiny": 31_965_568,
    "base": 91_922_432,
    "large": 200_910_592,
    "huge": 662_616_192,
}


def build(in_channels: int = 3, **options: object) -> FCMAE:
    backbone = {"type": "cnxv2_mm.ConvNeXtV2", "arch": SMALL, "in_channels": in_channels}
    return wake_grn(FCMAE(backbone, {"width": 16}, **options))


@pytest.mark.parametrize(("arch", "expected"), PARAMETERS.items())
def test_it_has_the_official_number_of_parameters(arch, expected):
    with torch.device("meta"):
        model = FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": arch})
    assert sum(p.numel() for p in model.parameters()) == expected


def loss_by_definition(model: FCMAE, images: torch.Tensor, visible: torch.Tensor) -> float:
    """Oracle: paint the whole image, then average squared errors patch by patch and image by image."""
    p = model.patch_size
    features = model.backbone.encode_visible(images, visible, "masked_dense")
    r = p // 32
    decoded = model.decoder(features, visible.repeat_interleave(r, 1).repeat_interleave(r, 2))
    cells = model.decoder.pred(decoded)  # (N, rows, columns, 32 * 32 * C)
    total, count = 0.0, 0
    for n in range(len(images)):
        painted = torch.empty_like(images[n])
        for row in range(cells.shape[1]):
            for column in range(cells.shape[2]):
                pixels = cells[n, row, column].view(32, 32, -1).permute(2, 0, 1)
                painted[:, 32 * row : 32 * row + 32, 32 * column : 32 * column + 32] = pixels
        for i, j in (~visible[n]).nonzero().tolist():
            area = (slice(None), slice(i * p, i * p + p), slice(j * p, j * p + p))
            truth = images[n][area]
            if model.norm_pix:
                truth = (truth - truth.mean()) / (truth.var() + 1e-6) ** 0.5
            total += (painted[area] - truth).square().mean().item()
            count += 1
    return total / count


@pytest.mark.parametrize(
    ("channels", "size", "options"),
    [
        (3, (96, 64), {}),
        (3, (96, 64), {"norm_pix": False}),
        (1, (64, 64), {"mask_ratio": 0.5, "layout": "masked_dense"}),
        (8, (128, 192), {"patch_size": 64}),
    ],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_the_loss_is_the_mean_over_hidden_patches(channels, size, options, batch, monkeypatch):
    model = build(channels, **options)
    images = photographs(batch, channels, size)
    visible, num_visible = model._hide(images)
    monkeypatch.setattr(model, "_hide", lambda *_: (visible, num_visible))
    with torch.no_grad():
        assert model.loss(images)["loss"].item() == pytest.approx(loss_by_definition(model, images, visible), rel=1e-5)


def test_both_layouts_have_the_same_loss_and_gradients():
    packed, dense = build(layout="packed"), build(layout="masked_dense")
    dense.load_state_dict(packed.state_dict())
    for model in (packed, dense):
        torch.manual_seed(3)
        model.loss(photographs(3))["loss"].backward()
    for (name, a), b in zip(packed.named_parameters(), dense.parameters(), strict=True):
        assert relative_error(a.grad, b.grad) < 2e-5, name


def test_every_parameter_is_trained():
    model = build()
    model.loss(photographs(2))["loss"].backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_each_call_hides_other_patches():
    model, images = build(), photographs(4)
    assert model.loss(images)["loss"] != model.loss(images)["loss"]


def test_only_hidden_patches_are_predicted_while_training():
    model = build()
    shapes = []
    model.decoder.pred.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape)))
    model.loss(photographs(2))
    assert shapes == [(2, 4, 1, 3072)]  # 6 patches, int(6 * 0.4) = 2 of them visible


def test_predictions_keep_visible_pixels_and_paint_the_rest():
    model, images = build(), photographs(3)
    samples = model(images, mode="predict")
    assert len(samples) == 3
    # No graph is kept: a validation of any length needs the memory of a batch.
    assert not any(value.requires_grad for sample in samples for value in sample.values())
    for image, sample in zip(images, samples, strict=True):
        seen = sample.visible.repeat_interleave(32, 0).repeat_interleave(32, 1)
        assert sample.visible.shape == (3, 2)
        assert torch.equal(sample.reconstruction[:, seen], image[:, seen])
        assert not torch.equal(sample.reconstruction[:, ~seen], image[:, ~seen])


@pytest.mark.parametrize("norm_pix", [True, False])
@pytest.mark.parametrize("patch_size", [32, 64])
def test_a_perfect_prediction_gives_the_image_back(norm_pix, patch_size, monkeypatch):
    """The way from pixels to targets to cells, and back from cells to pixels, is the identity."""
    model = build(norm_pix=norm_pix, patch_size=patch_size)
    images = photographs(2, size=(128, 192))
    targets, _, _ = model._targets(patchify(images, patch_size))
    cells = model._cells_of_pixels(targets)
    monkeypatch.setattr(model.decoder, "pred", torch.nn.Identity())
    monkeypatch.setattr(model, "_patches_of_cells", lambda decoded: cells)
    for image, sample in zip(images, model(images, mode="predict"), strict=True):
        torch.testing.assert_close(sample.reconstruction, image, atol=1e-5, rtol=0)
        assert sample.loss.item() < 1e-10


def test_predictions_repeat_and_agree_with_the_loss():
    model, images = build(), photographs(4)
    first, second = model(images, mode="predict"), model(images, mode="predict")
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a.visible, b.visible)
        assert torch.equal(a.reconstruction, b.reconstruction)
    visible = torch.stack([s.visible for s in first])
    expected = loss_by_definition(model, images, visible)
    assert torch.stack([s.loss for s in first]).mean().item() == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_painting_mean_colours():
    """Oracle: normalised pixels have variance (n - 1) / n within a patch; plain ones that of the patch."""
    images = photographs(2)
    for sample in build()(images, mode="predict"):
        assert sample.patch_mean_loss.item() == pytest.approx(3071 / 3072, rel=1e-3)
    for image, sample in zip(images, build(norm_pix=False)(images, mode="predict"), strict=True):
        hidden = patchify(image[None], 32)[0][~sample.visible.flatten()]
        assert sample.patch_mean_loss.item() == pytest.approx(hidden.var(dim=1, unbiased=False).mean().item(), rel=1e-5)


def test_predictions_keep_what_the_data_set_knows():
    samples = [BaseDataElement(metainfo={"img_path": f"{i}.png"}) for i in range(2)]
    results = build()(photographs(2), samples, mode="predict")
    assert [s.img_path for s in results] == ["0.png", "1.png"]
    assert results[0] is samples[0]


def test_a_data_sample_may_say_what_is_visible():
    """Then an image's loss and prediction are its own, wherever in which batch it is."""
    model, images = build().eval(), photographs(4)
    visible = random_visible(4, (3, 2), 3)  # another number than mask_ratio gives
    samples = [BaseDataElement(visible=v) for v in visible]
    loss = model(images, samples, mode="loss")["loss"].item()
    assert loss == pytest.approx(loss_by_definition(model, images, visible), rel=1e-5)
    forth = model(images, samples, mode="predict")
    back = model(images.flip(0), samples[::-1], mode="predict")[::-1]
    for i, (one, other) in enumerate(zip(forth, back, strict=True)):
        assert torch.equal(one.visible, visible[i])
        torch.testing.assert_close(one.reconstruction, other.reconstruction)
    assert sum(sample.loss.item() for sample in forth) / 4 == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize(
    ("grids", "message"),
    [
        ([torch.ones(3, 2)], "1 of 2 data samples have a field 'visible'"),
        ([torch.ones(2, 3)] * 2, r"of shapes \[\(2, 3\)\]; give each image one of shape \(3, 2\)"),
        ([torch.ones(3, 2)] * 2, r"show \[6\] of 6 patches"),
        ([torch.eye(3, 2), torch.zeros(3, 2)], r"show \[0, 2\] of 6 patches"),
    ],
)
def test_masks_that_do_not_fit_are_refused(grids, message):
    samples = [BaseDataElement(visible=grid.bool()) for grid in grids] + [BaseDataElement()] * (2 - len(grids))
    with pytest.raises(ValueError, match=message):
        build()(photographs(2), samples, mode="loss")


def test_features_are_those_of_the_whole_image():
    model, images = build(), photographs(2)
    backbone = ConvNeXtV2(SMALL, out_indices=(3,))
    backbone.load_state_dict(model.backbone.state_dict(), strict=False)
    expected = backbone(images)[0]
    features = backbone.norm3(model(images).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    assert relative_error(features, expected) < 1e-5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask_ratio": 1.0}, "mask_ratio=1.0 must be a number between 0 and 1"),
        ({"mask_ratio": 0}, "mask_ratio=0 must be a number between 0 and 1"),
        ({"mask_ratio": "0.6"}, "mask_ratio='0.6' must be a number between 0 and 1"),
        ({"norm_pix": "no"}, "norm_pix='no' must be True or False, without quotes"),
        ({"patch_size": 32.0}, "patch_size=32.0 must be a multiple of 32"),
        ({"patch_size": "32"}, "patch_size='32' must be a multiple of 32.*without quotes"),
        ({"patch_size": 16}, "patch_size=16 must be a multiple of 32"),
        ({"patch_size": 48}, "patch_size=48 must be a multiple of 32"),
        (
            {"layout": "ragged"},
            "layout='ragged' is unknown; choose one of masked_dense, packed, mink",
        ),
        ({"layout": ["packed"]}, r"layout=\['packed'\] is unknown"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


def test_wrong_images_are_refused():
    model = build()
    with pytest.raises(ValueError, match="100 x 64 pixels is not a whole number of patches of 32 x 32"):
        model.loss(torch.zeros(1, 3, 100, 64))
    with pytest.raises(ValueError, match=r"mask_ratio=0\.6 must leave at least one of an image's 1 patches"):
        model.loss(torch.zeros(1, 3, 32, 32))
    with pytest.raises(ValueError, match="set the backbone's in_channels"):
        model.loss(torch.zeros(1, 4, 64, 64))
    with pytest.raises(ValueError, match="mode='embed' is unknown; choose one of 'loss', 'predict', 'tensor'"):
        model(torch.zeros(1, 3, 64, 64), mode="embed")


def test_images_that_were_not_stacked_or_are_none_are_refused():
    model, images = build(), list(photographs(2))
    for mode in ("loss", "predict", "tensor"):
        with pytest.raises(
            ValueError, match=r"type list must be one \(N, C, height, width\) tensor.*data_preprocessor="
        ):
            model(images, mode=mode)
        with pytest.raises(ValueError, match=r"shape \(3, 96, 64\) must be one"):
            model(images[0], mode=mode)
        with pytest.raises(ValueError, match="a batch of 0 images has no visible patches"):
            model(torch.zeros(0, 3, 96, 64), mode=mode)


NORMALISING = {"type": "ImgDataPreprocessor", "mean": [127.5] * 3, "std": [127.5] * 3}


def test_a_normalisation_for_other_channels_is_refused():
    with pytest.raises(ValueError, match="mean has 3 numbers, but the backbone in_channels=8: give one for each"):
        build(8, data_preprocessor=NORMALISING)
    build(8, data_preprocessor={**NORMALISING, "mean": [127.5], "std": [127.5]})


@pytest.mark.parametrize("stacked", [True, False])
def test_images_of_other_channels_are_refused_before_they_are_normalised(stacked):
    model = build(data_preprocessor=NORMALISING)
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.0))
    images = torch.zeros(2, 13, 64, 64) if stacked else [torch.zeros(3, 64, 64), torch.zeros(13, 64, 64)]
    with pytest.raises(ValueError, match=r"an image of shape \(.*13, 64, 64\) must have 3 channels"):
        model.train_step({"inputs": images}, optimizer)
    assert model.train_step({"inputs": list(photographs(2))}, optimizer)["loss"].isfinite()
    grey = copy.deepcopy(model).data_preprocessor({"inputs": photographs(2, 1)})["inputs"]
    assert grey.shape[1] == 3  # the normalisation repeats a single channel, as ever


def test_another_encoder_is_refused():
    with pytest.raises(ValueError, match=r"type Linear cannot encode visible.*use type='cnxv2_mm\.ConvNeXtV2'"):
        FCMAE(torch.nn.Linear(1, 1))


def test_a_backbone_with_outputs_is_refused():
    with pytest.raises(ValueError, match=r"out_indices=\(3,\) gives the backbone output norms"):
        FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": SMALL, "out_indices": (3,)})


def test_half_precision_training_step(device):
    """One step under autocast changes every parameter and keeps them finite."""
    model = build().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    before = [p.clone() for p in model.parameters()]
    with torch.autocast(device, dtype=torch.bfloat16):
        loss = model.loss(photographs(2).to(device))["loss"]
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    loss.backward()
    optimizer.step()
    assert all(p.isfinite().all() and not torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))


class Photographs(Dataset):
    """Sixteen crops of two photographs, as a pipeline would pack them."""

    def __init__(self) -> None:
        self.images = photographs(16, size=(64, 64))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict:
        return {"inputs": self.images[index], "data_samples": BaseDataElement(metainfo={"index": index})}


def test_the_runner_trains_evaluates_and_leaves_a_backbone(tmp_path):
    """Ten epochs on sixteen images lower the loss, and a detector's backbone can start from what they leave."""
    loader = {
        "dataset": Photographs(),
        "batch_size": 8,
        "num_workers": 0,
        "sampler": {"type": "DefaultSampler", "shuffle": True},
        "collate_fn": {"type": "pseudo_collate"},
    }
    runner = Runner(
        model=MODELS.build(
            {
                "type": "cnxv2_mm.FCMAE",
                "backbone": {"type": "cnxv2_mm.ConvNeXtV2", "arch": SMALL},
                "decoder": {"width": 32},
                "mask_ratio": 0.5,
                "data_preprocessor": {"type": "ImgDataPreprocessor"},
            }
        ),
        work_dir=str(tmp_path),
        train_dataloader=loader,
        val_dataloader={**loader, "sampler": {"type": "DefaultSampler", "shuffle": False}},
        optim_wrapper={"optimizer": {"type": "AdamW", "lr": 3e-3}},
        train_cfg={"by_epoch": True, "max_epochs": 10, "val_interval": 10},
        val_cfg={},
        val_evaluator={"type": "cnxv2_mm.ReconstructionLoss"},
        default_hooks={"checkpoint": {"type": "CheckpointHook", "interval": 10}},
        randomness={"seed": 0},
        experiment_name="fcmae-runner-test",
        log_level="ERROR",
    )
    before = runner.val()
    runner.train()
    after = runner.val_loop.run()
    assert after["reconstruction/loss"] < before["reconstruction/loss"]
    assert (
        after["reconstruction/patch_mean_loss"]
        == before["reconstruction/patch_mean_loss"]
        == pytest.approx(1, abs=0.01)
    )

    init_cfg = {"type": "Pretrained", "checkpoint": str(tmp_path / "epoch_10.pth"), "prefix": "backbone."}
    backbone = MODELS.build({"type": "cnxv2_mm.ConvNeXtV2", "arch": SMALL, "init_cfg": init_cfg})
    backbone.init_weights()
    trained = runner.model.backbone.stages[3][0].dwconv.weight
    assert torch.equal(backbone.stages[3][0].dwconv.weight, trained)


def test_masks_differ_within_a_batch():
    visible = random_visible(8, (7, 7), 19)
    assert not (visible == visible[0]).all()


def test_a_step_sorts_once_for_the_draw_of_patches_and_never_adds_up_in_random_order():
    """Sorting is slow on a GPU, and what indexing's gradient does there changes from run to run."""
    model = FCMAE(ConvNeXtV2(ARCH, out_indices=()), {"width": 16})
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        model.loss(photographs(2, size=(96, 96)))["loss"].backward()
    calls = {event.key: event.count for event in profile.key_averages()}
    assert calls["aten::sort"] == 1
    assert not {"aten::_index_put_impl_", "aten::index_add_", "aten::scatter_add_"} & set(calls)
