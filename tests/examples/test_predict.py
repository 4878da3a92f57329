"""The example beside the libraries: its resizing, its steps, and its results without PyTorch in reach."""

import os
import subprocess
import sys
from importlib.metadata import distribution
from importlib.util import module_from_spec, spec_from_file_location
from types import SimpleNamespace

import cv2
import mmcv
import numpy as np
import onnx
import pytest
from mmdet.datasets.transforms import Pad, Resize
from mmpretrain.datasets import ResizeEdge
from mmpretrain.registry import TRANSFORMS
from packaging.requirements import Requirement
from PIL import Image
from skimage import data

from cnxv2_mm.export.export import export
from cnxv2_mm.prediction.model import TrainedModel
from tests.export.small_models import write_model
from tests.export.test_in_runner import RESIZE
from tests.export.tiny_files import Bright, Colours, disc, write_tiny
from tests.test_structure import ROOT

FILE = ROOT / "examples" / "predict.py"
CHECKED = """
import importlib.util, sys
for name in ("torch", "torchvision", "cv2", "mmcv", "mmengine", "onnx", "cnxv2_mm"):
    if importlib.util.find_spec(name) is not None:
        sys.exit(f"{name} can be imported")
import numpy as np
from PIL import Image
from predict import Predictor
model, out, *photographs = sys.argv[1:]
predictor = Predictor(model)
for number, photograph in enumerate(photographs):
    np.savez(f"{out}/{number}.npz", **predictor(np.asarray(Image.open(photograph).convert("RGB"))))
"""


def load():
    spec = spec_from_file_location("predict", FILE)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


predict = load()


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory):
    """Runs Python in a folder of its own, with numpy, onnxruntime, Pillow and what they need, and nothing else."""
    folder = tmp_path_factory.mktemp("packages")
    waiting, known = ["numpy", "onnxruntime", "pillow"], set()
    while waiting:
        name = waiting.pop()
        if name in known:
            continue
        known.add(name)
        package = distribution(name)
        for top in {file.parts[0] for file in package.files} - {"..", "__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(package.locate_file(top))
        needs = [Requirement(text) for text in package.requires or ()]
        waiting += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]

    def run(*words):
        command = [sys.executable, "-S", *map(str, words)]
        environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{FILE.parent}"}
        return subprocess.run(command, cwd=folder.parent, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module", params=list(RESIZE))
def predicted(request, tmp_path_factory, bare_python):
    """A model, its file, and what the example finds in each photograph."""
    folder = tmp_path_factory.mktemp(request.param)
    model = write_model(folder, request.param, resize=RESIZE[request.param])
    file = folder / "model.onnx"
    export(model.source, "onnx", logits=request.param == "segmentor", images=model.images[:1], out=file)
    done = bare_python("-c", CHECKED, file, folder, *model.images)
    assert done.returncode == 0, done.stderr
    found = [dict(np.load(folder / f"{number}.npz")) for number in range(len(model.images))]
    return SimpleNamespace(kind=request.param, model=model, file=file, found=found)


def test_finds_what_the_model_finds_without_pytorch(predicted):
    """Pixels differ by a grey level after resizing, and so do results, by little."""
    trained = TrainedModel(predicted.model.source)
    for image, found in zip(predicted.model.images, predicted.found, strict=True):
        expected = trained.predict(trained.pipeline.load(image), image)
        if predicted.kind == "detector":
            _same_detections(expected.pred_instances, found)
        elif predicted.kind == "segmentor":
            assert found["label_map"].shape == np.asarray(Image.open(image)).shape[:2]
            assert (found["label_map"] != expected.pred_sem_seg.data[0].numpy()).mean() < 0.01
        else:
            np.testing.assert_allclose(found["scores"], expected.pred_score.numpy(), atol=0.01)


def _same_detections(expected, found):
    boxes, scores, labels = (expected[name].numpy() for name in ("bboxes", "scores", "labels"))
    nearest = np.abs(boxes[:, None] - found["boxes"]).max(axis=2).argmin(axis=1)
    same = labels == found["labels"][nearest]
    near = np.abs(boxes - found["boxes"][nearest]).max(axis=1)
    assert (same & (near < 0.5) & (np.abs(scores - found["scores"][nearest]) < 0.01)).mean() > 0.9


@pytest.mark.parametrize("size", [(640, 360), (97, 131), (1024, 700), (512, 512)], ids=str)
def test_resizes_as_opencv_within_a_grey_level(size):
    picture = data.coffee()
    found = predict.resize(picture, size, "cv2", "bilinear").astype(int)
    expected = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR).astype(int)
    assert np.abs(found - expected).max() <= 1
    assert (found != expected).mean() < 0.15
    np.testing.assert_array_equal(expected, mmcv.imresize(picture, size).astype(int))
    pillow = mmcv.imresize(picture, size, interpolation="bicubic", backend="pillow")
    np.testing.assert_array_equal(predict.resize(picture, size, "pillow", "bicubic"), pillow)


STEPS = [
    (Resize, {"scale": (335, 199), "keep_ratio": True}),
    (Resize, {"scale": (200, 333), "keep_ratio": True}),
    (Resize, {"scale": (224, 224), "keep_ratio": False}),
    (Resize, {"scale": 224, "backend": "pillow", "interpolation": "bicubic"}),
    (ResizeEdge, {"scale": 256, "edge": "short"}),
    (ResizeEdge, {"scale": 256, "edge": "long"}),
    (ResizeEdge, {"scale": 301, "edge": "width"}),
    (TRANSFORMS.get("CenterCrop"), {"crop_size": 225}),
    (TRANSFORMS.get("CenterCrop"), {"crop_size": (200, 700)}),
    (Pad, {"size": (640, 620), "pad_val": {"img": (114, 114, 114)}}),
]


@pytest.mark.parametrize(("step", "options"), STEPS, ids=lambda value: getattr(value, "__name__", str(value)))
@pytest.mark.parametrize("picture", [data.coffee(), data.coffee().transpose(1, 0, 2)[:431]], ids=["wide", "high"])
def test_takes_the_steps_as_the_libraries_do(step, options, picture):
    results = {"img": np.ascontiguousarray(picture), "img_shape": picture.shape[:2], "ori_shape": picture.shape[:2]}
    expected = step(**options).transform(results)
    found, scale, shift = predict.prepare(picture, [{"type": f"mmdet.{step.__name__}", **options}])
    assert found.shape == expected["img"].shape
    assert np.abs(found.astype(int) - expected["img"]).max() <= 1
    np.testing.assert_allclose(scale, expected.get("scale_factor", (1, 1)))
    if step.__name__ == "CenterCrop":
        left, top = -shift.astype(int)
        height, width = found.shape[:2]
        np.testing.assert_array_equal(found, picture[top : top + height, left : left + width])


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"type": "mmseg.ResizeToMultiple", "size_divisor": 32}, "ResizeToMultiple in the step"),
        ({"type": "Resize", "scale_factor": 0.5, "scale": None}, "scale_factor in the step"),
        ({"type": "Resize", "scale": (9, 9), "interpolation": "area"}, "interpolation 'area' is known here of Pillow"),
        ({"type": "Pad", "size": (9, 9), "pad_val": {"img": (1, 2, 3)}}, "is not the same in all channels: add it"),
    ],
    ids=str,
)
def test_refuses_steps_that_it_does_not_know(step, message):
    with pytest.raises(ValueError, match=message):
        predict.prepare(data.coffee(), [step])


def test_the_command_prints_and_draws(predicted, bare_python, tmp_path):
    picture = tmp_path / "picture.png"
    done = bare_python(FILE, predicted.file, predicted.model.images[0], "--out", picture, "--min-score", "0.7")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.strip().splitlines()
    first = predicted.found[0]
    if predicted.kind == "detector":
        assert len(lines) == (first["scores"] >= 0.7).sum() > 0
        best = f"{first['scores'][0]:.3f}  {predict.Predictor(predicted.file).classes[first['labels'][0]]}  ["
        assert lines[0].startswith(best)
    else:
        assert sum(float(line.split()[0]) for line in lines) == pytest.approx(1, abs=0.01)
    photograph = np.asarray(Image.open(predicted.model.images[0]))
    assert (np.asarray(Image.open(picture)) != photograph).any()


def test_mistakes_are_one_line(predicted, bare_python, tmp_path):
    (tmp_path / "no.onnx").write_bytes(b"no model")
    done = bare_python(FILE, predicted.file, tmp_path / "absent.png")
    assert done.returncode == 1
    assert done.stderr.startswith("predict.py: ")
    assert "absent.png" in done.stderr


def test_masks_are_in_the_pixels_of_the_photograph(tmp_path):
    """A picture of half the size, filled up at the right and below."""
    steps = [
        {"type": "Resize", "scale": [100, 60], "keep_ratio": True},
        {"type": "Pad", "size": [128, 64], "pad_val": {"img": [0, 0, 0]}},
    ]
    predictor = predict.Predictor(write_tiny(Bright(), tmp_path / "model.onnx", (64, 128), resize=steps))
    photograph = disc(120, 200).numpy()
    found = predictor(photograph)
    assert found["boxes"].tolist() == [[0, 0, 128, 64]]
    assert found["masks"].dtype == bool
    assert found["masks"].shape == (1, 120, 200)
    assert (found["masks"][0] != (photograph[:, :, 0] > 127)).mean() < 0.01
    assert predict.describe(found, predictor.classes)[0].endswith("red  [0.0, 0.0, 128.0, 64.0]")
    assert predict.describe(found, [])[0].endswith("class 0  [0.0, 0.0, 128.0, 64.0]")
    drawn = np.asarray(predict.draw(photograph, found, []))
    middle, corner = (60, 100), (110, 190)
    assert (drawn[middle] != photograph[middle]).any()
    assert (drawn[corner] == photograph[corner]).all()


def test_photographs_that_a_file_does_not_take_are_refused(tmp_path):
    file = tmp_path / "model.onnx"
    predictor = predict.Predictor(write_tiny(Colours(), file, (64, 96)))
    with pytest.raises(ValueError, match="width 80, and the file takes 96 to 96 pixels: export it with --dynamic"):
        predictor(np.zeros((64, 80, 3), np.uint8))
    model = onnx.load(file)
    del model.metadata_props[:]
    onnx.save(model, file)
    with pytest.raises(ValueError, match="has no metadata of cnxv2: export the model with `cnxv2 export`"):
        predict.Predictor(file)
