"""Predictions are those of the libraries' own inferencers; a checkpoint is loaded whole or refused."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from cnxv2_mm.prediction.model import TrainedModel
from cnxv2_mm.prediction.source import Source
from tests.conftest import relative_error

# isort: split
from mmdet.apis import DetInferencer
from mmpretrain import ImageClassificationInferencer
from mmseg.apis import MMSegInferencer

IMAGES = ("cats/one.png", "cats/two.jpg", "rocket.tif")


def predict(source, file):
    model = TrainedModel(source)
    return model, model.predict(model.pipeline.load(file), file)


@pytest.mark.parametrize("name", IMAGES)
def test_a_detector_finds_what_mmdets_inferencer_finds(trained, photographs, name):
    source, file = trained("detector"), photographs / name
    inferencer = DetInferencer(source.config, source.checkpoint, device="cpu", show_progress=False)
    (expected,) = inferencer(str(file), no_save_vis=True, return_datasamples=True)["predictions"]
    model, sample = predict(source, file)
    found, wanted = sample.pred_instances, expected.pred_instances
    assert len(wanted) == 20
    for key in ("bboxes", "scores", "labels", "masks"):
        assert torch.equal(found[key], wanted[key]), key
    assert found.masks.any()
    assert found.labels.unique().numel() > 1
    assert model.classes == tuple(inferencer.model.dataset_meta["classes"])


@pytest.mark.parametrize("name", IMAGES)
def test_a_segmenter_finds_what_mmsegs_inferencer_finds(trained, photographs, name):
    source, file = trained("segmenter"), photographs / name
    inferencer = MMSegInferencer(source.config, source.checkpoint, device="cpu", show_progress=False)
    expected = inferencer(str(file), return_datasamples=True)
    _, sample = predict(source, file)
    assert torch.equal(sample.pred_sem_seg.data, expected.pred_sem_seg.data)
    assert relative_error(sample.seg_logits.data, expected.seg_logits.data) < 1e-6
    assert sample.pred_sem_seg.data.unique().numel() > 2


@pytest.mark.parametrize("name", IMAGES)
def test_a_classifier_finds_what_mmpretrains_inferencer_finds(trained, photographs, name):
    source, file = trained("classifier"), photographs / name
    model, sample = predict(source, file)
    init_default_scope("mmpretrain")
    inferencer = ImageClassificationInferencer(source.config, pretrained=source.checkpoint, device="cpu")
    (expected,) = inferencer(str(file))
    assert sample.pred_score.numpy() == pytest.approx(expected["pred_scores"], rel=1e-6)
    assert model.classes[int(sample.pred_label)] == expected["pred_class"]
    assert sample.pred_score.max() > 2 * sample.pred_score.min()


def change(source, folder, edit):
    content = torch.load(source.checkpoint, weights_only=True)
    edit(content["state_dict"])
    torch.save(content, folder / "changed.pth")
    return Source(source.config, str(folder / "changed.pth"))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda state: state.pop("head.fc.bias"), "missing keys in source state_dict: head.fc.bias"),
        (lambda state: state.update({"head.more": torch.zeros(1)}), "unexpected key in source state_dict: head.more"),
        (lambda state: state.update({"head.fc.bias": torch.zeros(3)}), "size mismatch for head.fc.bias"),
    ],
)
def test_a_checkpoint_that_does_not_fit_exactly(trained, tmp_path, edit, said):
    with pytest.raises(ValueError, match=r"changed\.pth does not fit the model of .*classification\.py") as refused:
        TrainedModel(change(trained("classifier"), tmp_path, edit))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_model_that_has_diverged(trained, tmp_path, photographs):
    """The last bias at infinity: every score is."""
    source = change(trained("classifier"), tmp_path, lambda state: state["head.fc.bias"].fill_(float("inf")))
    with pytest.raises(FloatingPointError, match=r"pred_score for .*one\.png are not finite numbers"):
        predict(source, photographs / "cats" / "one.png")
    source = change(trained("detector"), tmp_path, lambda s: s["roi_head.bbox_head.fc_reg.bias"].fill_(float("nan")))
    with pytest.raises(FloatingPointError, match=r"bboxes for .*one\.png are not finite"):
        predict(source, photographs / "cats" / "one.png")


def test_a_checkpoint_of_another_model(trained):
    other = Source(trained("classifier").config, trained("segmenter").checkpoint)
    with pytest.raises(ValueError, match="use it with the config it was trained with"):
        TrainedModel(other)


def test_names_of_classes(trained, tmp_path):
    """From the checkpoint, or the config, or the class of the dataset."""
    source = trained("segmenter")
    content = torch.load(source.checkpoint, weights_only=True)
    for name, meta, expected in (
        ("old.pth", {"CLASSES": ["a", "b"]}, ("a", "b")),
        ("bare.pth", {}, ("photograph", *map(str, range(10)))),
    ):
        torch.save({**content, "meta": meta}, tmp_path / name)
        assert TrainedModel(Source(source.config, str(tmp_path / name))).classes == expected
    config = tmp_path / "nameless.py"
    config.write_text(
        f"_base_ = {source.config!r}\n"
        "test_dataloader = dict(dataset=dict(_delete_=True, type='ADE20KDataset', "
        "pipeline=[dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]))\n"
    )
    classes = TrainedModel(Source(str(config), str(tmp_path / "bare.pth"))).classes
    assert classes[:2] == ("wall", "building")
    assert len(classes) == 150


def test_a_preprocessor_beside_the_model(trained, tmp_path, photographs):
    """As in mmpretrain's own configs, whose model gets it from the Runner."""
    source, file = trained("classifier"), photographs / "cats" / "one.png"
    config = Config.fromfile(source.config)
    config.model.data_preprocessor = {"num_classes": 10, "mean": [0.0] * 3, "std": [255.0] * 3, "to_rgb": False}
    config.dump(tmp_path / "inside.py")
    config.data_preprocessor = config.model.pop("data_preprocessor")
    config.dump(tmp_path / "beside.py")
    scores = [
        predict(Source(str(path), source.checkpoint), file)[1].pred_score
        for path in (tmp_path / "inside.py", tmp_path / "beside.py", source.config)
    ]
    assert torch.equal(scores[0], scores[1])
    assert not torch.equal(scores[0], scores[2])
