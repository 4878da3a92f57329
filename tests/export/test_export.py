"""A whole export: the file, what it says, what it computes; and what is left of one whose numbers are wrong."""

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from PIL import Image

import cnxv2_mm
from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.export import export as export_file
from cnxv2_mm.export.export import export
from cnxv2_mm.export.exported_model import ExportedModel
from cnxv2_mm.prediction.model import TrainedModel
from cnxv2_mm.zoo.weight import IMAGENET_MEAN, IMAGENET_STD
from tests.conftest import wake_grn
from tests.export.conftest import CLASSES
from tests.export.tensorrt import violations


def test_a_classifier_of_one_size(classifier, cat, tmp_path):
    """mmpretrain's own inferencer is the oracle: from the image file to the scores."""
    found = export(classifier, "onnx", images=[cat], out=tmp_path / "cats.onnx")
    assert found.file == tmp_path / "cats.onnx"
    assert found.files == (found.file,)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cats.onnx"]
    assert found.shape == (1, 64, 64, 3)
    assert found.outputs == {"scores": (1, 4)}
    assert found.size == found.file.stat().st_size
    assert [one.name for one in found.differences] == ["scores"]
    assert found.differences[0].largest < 1e-5
    model = ExportedModel(found.file)
    assert model.metadata["classes"] == list(CLASSES)
    image = Image.open(cat).convert("RGB").resize((96, 72), Image.Resampling.BICUBIC).crop((16, 4, 80, 68))
    trained = TrainedModel(classifier)
    expected = trained.predict(trained.pipeline.load(cat), cat).pred_score
    np.testing.assert_allclose(model(np.asarray(image)[None])["scores"][0], expected, atol=1e-5)
    assert violations(found.file) == []


def test_a_detector_of_any_size(detector, cat, tmp_path, monkeypatch):
    """Its size depends on the image, by the config; the name of the file follows from the config's."""
    monkeypatch.chdir(tmp_path)
    found = export(detector, "onnx", images=[cat])
    assert found.file.name == "detector.onnx"
    assert found.shape == (1, "height", "width", 3)
    assert all(one.is_within for one in found.differences)
    assert violations(found.file) == []
    model = ExportedModel(found.file)
    assert model.metadata["resize"] == [{"type": "Resize", "scale": [128, 96], "keep_ratio": True}]
    trained = TrainedModel(detector)
    expected = trained.predict(trained.pipeline.load(cat), cat).pred_instances
    seen = trained.pipeline.prepare(trained.pipeline.load(cat), cat)["inputs"].flip(0).permute(1, 2, 0)
    boxes = model(seen[None].numpy())["boxes"] * np.tile([200 / 128, 150 / 96], 2)
    assert len(boxes) == len(expected.bboxes) > 5
    np.testing.assert_allclose(boxes, expected.bboxes, atol=0.01)


@pytest.mark.parametrize("target", ["openvino", "torch-export"])
def test_a_backbone_in_float16(target, cat, tmp_path):
    """It takes any size and any number of images; its maps are those of the backbone itself, to three digits."""
    backbone = wake_grn(ConvNeXtV2({"depths": (1, 1, 1, 1), "channels": (8, 16, 32, 64)})).eval()
    torch.save(backbone.state_dict(), tmp_path / "weights.pth")
    ending = {"openvino": ".xml", "torch-export": ".pt2"}[target]
    out = tmp_path / f"backbone{ending}"
    found = cnxv2_mm.export_model(tmp_path / "weights.pth", target, fp16=True, dynamic=True, images=[cat], out=out)
    assert found.shape == ("images", "height", "width", 3)
    assert {path.suffix for path in found.files} == {".xml": {".xml", ".bin"}, ".pt2": {".pt2"}}[ending]
    assert 0 < max(one.largest for one in found.differences) < 0.01
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3), dtype=np.uint8)
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    with torch.no_grad():
        maps = backbone(((torch.from_numpy(images) - mean) / std).permute(0, 3, 1, 2))
    given = ExportedModel(out)(images)
    assert list(given) == ["stage1", "stage2", "stage3", "stage4"]
    for name, expected in zip(given, maps, strict=True):
        np.testing.assert_allclose(given[name], expected, atol=0.02 * expected.abs().max())


def tampered(write, name):
    """Write, then change one weight of the file."""

    def write_wrongly(program, file, outputs, metadata):
        write(program, file, outputs, metadata)
        model = onnx.load(file)
        (weight,) = (value for value in model.graph.initializer if name in value.name)
        changed = numpy_helper.to_array(weight).copy()
        changed.flat[0] += 0.5
        weight.CopyFrom(numpy_helper.from_array(changed, weight.name))
        onnx.save(model, file)

    return write_wrongly


@pytest.mark.parametrize("target", ["onnx", "openvino"])
def test_a_file_with_other_numbers_is_not_kept(target, classifier, cat, tmp_path, monkeypatch):
    monkeypatch.setattr(export_file, "write_onnx", tampered(export_file.write_onnx, "head.fc.bias"))
    out = tmp_path / f"wrong.{'xml' if target == 'openvino' else 'onnx'}"
    out.write_text("an earlier file")
    with pytest.raises(
        ValueError, match=rf"the {target} file differs from the model: scores by 0\.\d+ \(allowed: 0.001\)"
    ):
        export(classifier, target, images=[cat], out=out, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    assert out.read_text() == "an earlier file"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"target": "tensorflow"}, "--to tensorflow is unknown; choose one of onnx, torch-export, openvino"),
        ({"size": (64, 0)}, "--size=0 must be a whole number, at least 1"),
        ({"size": (64, 64), "dynamic": True}, "--size and --dynamic exclude each other"),
        ({"out": "model.pt"}, "--out model.pt has to end in .onnx"),
        ({"logits": True}, "--logits is for segmentors, and ImageClassifier is none"),
        ({"images": ["no.jpg"]}, "--images no.jpg does not exist"),
    ],
)
def test_mistakes(arguments, said, classifier, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, OSError)) as refused:
        export(classifier, **{"target": "onnx", **arguments})
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_a_file_is_replaced_only_if_asked(classifier, tmp_path):
    (tmp_path / "model.onnx").write_text("mine")
    with pytest.raises(ValueError, match=r"model.onnx exists: give another, or replace it with --overwrite"):
        export(classifier, "onnx", out=tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_text() == "mine"
