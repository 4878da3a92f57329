"""An exported file in a config's test: the oracle is the same test of the checkpoint, by the model's own library."""

import pickle
from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmpretrain.structures import DataSample
from mmseg.structures import SegDataSample
from PIL import Image

from cnxv2_mm.config.load import load_config
from cnxv2_mm.export.export import export
from cnxv2_mm.export.in_runner import ExportedFile, use_exported_file
from tests.export.small_models import write_config, write_model
from tests.export.tiny_files import Bright, Brightest, Colours, disc, write_tiny
from tests.tools.conftest import load_tool

RESIZE = {
    "detector": 'dict(type="Resize", scale=(256, 192), keep_ratio=True),',
    "segmentor": 'dict(type="Resize", scale=(192, 160), keep_ratio=False),',
    "classifier": 'dict(type="ResizeEdge", scale=80), dict(type="CenterCrop", crop_size=64),',
}
TARGETS = {"detector": "onnx", "segmentor": "openvino", "classifier": "torch-export"}
ENDINGS = {"onnx": ".onnx", "openvino": ".xml", "torch-export": ".pt2"}


def run(model, checkpoint, folder, *options):
    """Metrics and predictions of `cnxv2 test`."""
    out = folder / "predictions.pkl"
    words = [model.source.config, str(checkpoint), "--work-dir", str(folder), "--out", str(out), *options]
    metrics = load_tool("test").main(words)
    return metrics, pickle.loads(out.read_bytes())


@pytest.fixture(scope="module", params=list(RESIZE))
def tested(request, tmp_path_factory):
    """The model, its file, and the test of the checkpoint."""
    kind = request.param
    folder = tmp_path_factory.mktemp(kind)
    model = write_model(folder, kind, resize=RESIZE[kind])
    target = TARGETS[kind]
    file = folder / f"model{ENDINGS[target]}"
    export(model.source, target, logits=kind == "segmentor", images=model.images[:1], out=file)
    return SimpleNamespace(kind=kind, model=model, file=file, expected=run(model, model.source.checkpoint, folder))


def test_the_test_of_a_file_gives_the_metrics_and_predictions_of_the_checkpoint(tested, tmp_path):
    metrics, predictions = run(tested.model, tested.file, tmp_path)
    expected_metrics, expected = tested.expected
    assert metrics == pytest.approx(expected_metrics, abs=1e-3)
    assert any(value > 0.1 for value in metrics.values())
    assert len(predictions) == len(tested.model.images)
    for one, other in zip(expected, predictions, strict=True):
        if tested.kind == "detector":
            assert len(one["pred_instances"]["scores"]) == 30
            for name, tolerance in (("bboxes", 1e-3), ("scores", 1e-5), ("labels", 0)):
                torch.testing.assert_close(
                    other["pred_instances"][name], one["pred_instances"][name], rtol=0, atol=tolerance
                )
        elif tested.kind == "segmentor":
            torch.testing.assert_close(other["seg_logits"]["data"], one["seg_logits"]["data"], rtol=0, atol=1e-4)
            assert (other["pred_sem_seg"]["data"] != one["pred_sem_seg"]["data"]).float().mean() < 1e-4
        else:
            torch.testing.assert_close(other["pred_score"], one["pred_score"], rtol=0, atol=1e-6)
            assert other["pred_label"].tolist() == one["pred_label"].tolist()


def test_masks_and_boxes_are_those_of_the_image_as_it_was_read(tmp_path):
    """A picture of half the size, filled up at the right and below, as a pipeline with Resize and Pad gives it."""
    whole, half = disc(120, 200), disc(60, 100)
    padded = torch.zeros(64, 128, 3, dtype=torch.uint8)
    padded[:60, :100] = half
    model = ExportedFile(str(write_tiny(Bright(), tmp_path / "model.pt2", (64, 128))))
    sample = DetDataSample(metainfo={"ori_shape": (120, 200), "scale_factor": (0.5, 0.5)})
    (found,) = model.test_step({"inputs": [padded.flip(2).permute(2, 0, 1)], "data_samples": [sample]})
    assert found is sample
    instances = found.pred_instances
    assert instances.bboxes.tolist() == [[0, 0, 128, 64]]
    assert instances.labels.tolist() == [0]
    assert instances.masks.dtype == torch.bool
    expected = whole[None, :, :, 0] > 127
    assert instances.masks.shape == expected.shape
    assert (instances.masks != expected).float().mean() < 0.01


def test_label_maps_are_resized_to_the_nearest(tmp_path):
    class Labels(Brightest):
        outputs = ("label_map",)

        def forward(self, image):
            return (image.long().argmax(dim=3),)

    labels = np.random.default_rng(0).integers(0, 3, (61, 89), dtype=np.uint8)
    picture = torch.from_numpy((np.arange(3) == labels[:, :, None]) * np.uint8(200))
    model = ExportedFile(str(write_tiny(Labels(), tmp_path / "model.pt2", (61, 89))), reads_rgb=True)
    sample = SegDataSample(metainfo={"ori_shape": (80, 130)})
    model.test_step({"inputs": picture.permute(2, 0, 1)[None], "data_samples": [sample]})
    expected = Image.fromarray(labels).resize((130, 80), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(sample.pred_sem_seg.data[0], expected)


def test_an_image_may_have_several_classes(tmp_path):
    picture = torch.full((3, 64, 64), 200, dtype=torch.uint8)
    picture[1] = 20
    for metadata, labels in (({"threshold": 0.5}, [0, 2]), ({"most_classes": 2}, [0, 2]), ({}, [0])):
        file = write_tiny(Colours(), tmp_path / "model.pt2", (64, 64), **metadata)
        sample = DataSample()
        ExportedFile(str(file), reads_rgb=True).test_step({"inputs": picture[None], "data_samples": [sample]})
        assert sample.pred_label.tolist() == labels
        assert sample.pred_score.tolist() == pytest.approx([200 / 255, 20 / 255, 200 / 255])


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        (
            (3, 64, 80),
            torch.uint8,
            r"takes images of a width of 96 pixels, and the test pipeline gives 80: .*--dynamic",
        ),
        ((3, 32, 96), torch.uint8, r"takes images of a height of 64 pixels"),
        ((1, 64, 96), torch.uint8, r"takes images of 3 channels, not of 1"),
        ((3, 64, 96), torch.float32, r"takes images of uint8, and the test pipeline gives float32"),
    ],
)
def test_images_that_the_file_does_not_take_are_refused(tmp_path, shape, dtype, message):
    model = ExportedFile(str(write_tiny(Bright(), tmp_path / "model.pt2", (64, 96))))
    with pytest.raises(ValueError, match=message):
        model.test_step({"inputs": [torch.zeros(shape, dtype=dtype)], "data_samples": [DetDataSample()]})


def test_what_a_file_cannot_do_is_refused(tmp_path, capsys):
    file = write_tiny(Bright(), tmp_path / "model.pt2", (64, 96))
    model = ExportedFile(str(file))
    mirrored = DetDataSample(metainfo={"flip": True})
    with pytest.raises(ValueError, match="mirrors images"):
        model.test_step({"inputs": torch.zeros(1, 3, 64, 96, dtype=torch.uint8), "data_samples": [mirrored]})
    with pytest.raises(NotImplementedError, match="can only be tested"):
        model(torch.zeros(1))
    assert deepcopy(model) is model  # a hook that averages weights copies the model
    logits = ExportedFile(str(write_tiny(Brightest(), file, (64, 96))))
    with pytest.raises(ValueError, match="confidences of one class"):
        logits._add_label_map(SegDataSample(metainfo={"ori_shape": (4, 4)}), {"logits": torch.zeros(1, 1, 4, 4)})
    with pytest.raises(ValueError, match="is a backbone: only a detector, a segmentor, a classifier can be tested"):
        ExportedFile(str(write_tiny(Bright(), file, (64, 96), task="backbone")))
    for option, fix in (("--amp", "export it with --fp16"), ("--tta", "test the checkpoint")):
        with pytest.raises(SystemExit):
            load_tool("test").main(["config.py", str(file), option])
        assert f"is an exported file, which runs as it is: {fix}" in capsys.readouterr().err


def test_a_config_that_tests_otherwise_is_refused(tmp_path):
    config = load_config(str(write_config(tmp_path, "detector", resize="")))
    for changes, message in (
        ({"launcher": "pytorch"}, "--launcher pytorch: an exported file is tested in one process"),
        ({"test_cfg": {"fp16": True}}, "test_cfg.fp16: model.onnx has its precision inside"),
    ):
        changed = config.copy()
        changed.merge_from_dict(changes)
        with pytest.raises(ValueError, match=message):
            use_exported_file(changed, "model.onnx")
    use_exported_file(config, "model.onnx")
    assert dict(config.model) == {
        "type": "cnxv2_mm.ExportedFile",
        "file": "model.onnx",
        "reads_rgb": False,
        "align_corners": False,
    }
