"""The sheet shows what the drawing of a single image shows, and the validation's numbers stay as they are."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from cnxv2_mm import PredictionSheetHook
from cnxv2_mm.prediction.drawing import draw_prediction, draw_truth
from cnxv2_mm.run_report import prediction_sheet
from cnxv2_mm.run_report.prediction_sheet import sheet
from cnxv2_mm.training.runner import build_runner
from tests.configs.images import write_ade, write_class_folders, write_coco
from tests.run_report import runs

SHEET = {"type": "cnxv2_mm.PredictionSheetHook", "num_images": 3}
TASKS = {
    "mask_rcnn": (write_coco, "coco/segm_mAP"),
    "upernet": (write_ade, "mIoU"),
    "classification": (write_class_folders, "accuracy/top1"),
}


def pictures(folder):
    return {int(path.stem.split("_")[1]): np.asarray(Image.open(path)) for path in folder.rglob("predictions_*.png")}


@pytest.mark.parametrize("name", TASKS)
def test_predictions_of_a_training(name, tmp_path, monkeypatch):
    drawn = []

    def remember(draw):
        return lambda image, sample, classes: (
            drawn.append((image, sample.clone(), classes)) or draw(image, sample, classes)
        )

    monkeypatch.setattr(prediction_sheet, "draw_prediction", remember(draw_prediction))
    write, metric = TASKS[name]
    numbers = []
    for place, hooks in (("without", []), ("with", [SHEET, runs.PAGE])):
        folder = tmp_path / place
        write(folder)
        run = build_runner(runs.task(name, folder, hooks))
        run.train()
        (lines,) = runs.scalars(folder / "run")
        numbers.append([{k: v for k, v in line.items() if "time" not in k and k != "memory"} for line in lines])
    assert numbers[0] == numbers[1]
    assert sum(metric in line for line in numbers[0]) == 2
    found = pictures(tmp_path / "with")
    assert sorted(found) == [2, 4]
    assert len(drawn) == 6  # three images, though batches have two
    pairs = [(draw_truth(*one), draw_prediction(*one)) for one in drawn[3:]]
    assert np.array_equal(found[4], sheet(pairs))
    original = np.asarray(Image.open(drawn[0][1].img_path))
    assert np.array_equal(drawn[0][0], original)
    log = next((tmp_path / "with").rglob("*.log")).read_text()
    assert "leaves images out" not in log
    page = (tmp_path / "with" / "run" / "report.html").read_text()
    assert "Predictions after step 4" in page
    assert "could not be written" not in log


def test_the_layout_of_a_sheet():
    colours = [np.full((100 + 10 * i, 50, 3), 20 * i, np.uint8) for i in range(6)]
    found = sheet([(colours[0], colours[1]), (colours[2], colours[3]), (colours[4], colours[5])])
    assert found.shape == (130 + 8 + 150, 4 * 58 - 8, 3)
    for i, (top, left) in enumerate([(0, 0), (0, 58), (0, 116), (0, 174), (138, 0), (138, 58)]):
        assert (found[top : top + 100 + 10 * i, left : left + 50] == 20 * i).all()
    assert (found[130:138] == 255).all()
    assert sheet([(colours[0], colours[1])]).shape == (110, 108, 3)
    large = np.zeros((1000, 500, 3), np.uint8)
    assert sheet([(large, large)]).shape == (448, 2 * 224 + 8, 3)


def test_outputs_that_are_no_data_samples(tmp_path):
    run = build_runner(runs.digits(tmp_path / "run", [SHEET]))
    run.train()
    log = next(Path(run.work_dir).glob("*/*.log")).read_text()
    assert log.count("leaves images out that it cannot draw") == 1
    assert pictures(tmp_path) == {}


def test_of_several_processes_the_first_one_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(prediction_sheet, "is_main_process", lambda: False)
    write_class_folders(tmp_path)
    build_runner(runs.task("classification", tmp_path, [SHEET])).train()
    assert pictures(tmp_path) == {}


def test_the_images_are_spread_over_the_validation(monkeypatch):
    """Of eight images in batches of three, the middles of the halves: number 2 and number 6."""
    monkeypatch.setattr(prediction_sheet, "_image_of", lambda sample: sample)
    for name in ("draw_truth", "draw_prediction"):
        monkeypatch.setattr(prediction_sheet, name, lambda image, sample, classes: image)
    loader = SimpleNamespace(sampler=range(8), dataset=SimpleNamespace(metainfo={}))
    runner, hook = SimpleNamespace(val_dataloader=loader), PredictionSheetHook(num_images=2)
    for _ in range(2):  # in each validation
        hook.before_val_epoch(runner)
        for start in (0, 3, 6):
            hook.after_val_iter(runner, start, outputs=list(range(start, min(start + 3, 8))))
        assert [truth for truth, _ in hook._pairs] == [2, 6]


def test_errors():
    with pytest.raises(ValueError, match="PredictionSheetHook's num_images=0 must be a whole number"):
        PredictionSheetHook(num_images=0)
