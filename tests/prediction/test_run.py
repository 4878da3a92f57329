"""Whole folders: what is written where, and what is refused before anything is written."""

import json

import numpy as np
import pytest
from PIL import Image

from cnxv2_mm.prediction.drawing import draw_prediction
from cnxv2_mm.prediction.model import TrainedModel
from cnxv2_mm.prediction.run import plan, predict


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def run(source, images, out, **options):
    return predict(TrainedModel(source), plan([str(images)], out), out, **options)


def test_a_detector(trained, photographs, tmp_path):
    source, out = trained("detector"), tmp_path / "out"
    advanced = []
    found = run(source, photographs, out, min_score=0.1, advance=lambda: advanced.append(1))
    assert files(out) == [
        "pictures/cats/one.png",
        "pictures/cats/two.jpg",
        "pictures/rocket.tif.jpg",
        "predictions.json",
    ]
    assert (found.done, found.unreadable, len(advanced)) == (3, (), 3)
    content = json.loads(found.results.read_text())
    assert [image["file_name"] for image in content["images"]] == ["cats/one.png", "cats/two.jpg", "rocket.tif"]
    assert [category["name"] for category in content["categories"]] == list(map(str, range(10)))
    model, file = TrainedModel(source), photographs / "cats" / "one.png"
    sample = model.predict(model.pipeline.load(file), file)
    number = int((sample.pred_instances.scores >= 0.1).sum())
    assert sum(one["image_id"] == 1 for one in content["annotations"]) == number > 0
    expected = draw_prediction(np.asarray(Image.open(file)), sample, model.classes, 0.1)
    assert np.array_equal(np.asarray(Image.open(out / "pictures" / "cats" / "one.png")), expected)


def test_a_segmenter(trained, photographs, tmp_path):
    out = tmp_path / "out"
    run(trained("segmenter"), photographs, out)
    assert files(out / "label_maps") == ["cats/one.png", "cats/two.jpg.png", "rocket.tif.png"]
    with Image.open(out / "label_maps" / "rocket.tif.png") as label_map:
        assert label_map.size == (130, 150)
    (_, _, image) = json.loads((out / "predictions.json").read_text())["images"]
    assert (out / image["label_map"]).is_file()


def test_a_classifier(trained, photographs, tmp_path):
    run(trained("classifier"), photographs, tmp_path / "out")
    content = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert all(len(image["top_five"]) == 5 for image in content["images"])


def test_the_readable_images_are_done(trained, photographs, tmp_path):
    (photographs / "text.jpg").write_text("not an image")
    (photographs / "cats" / "cut.png").write_bytes((photographs / "cats" / "one.png").read_bytes()[:2000])
    found = run(trained("classifier"), photographs, tmp_path / "out")
    assert found.done == 3
    assert [file.name for file, _ in found.unreadable] == ["cut.png", "text.jpg"]
    assert all("cannot be read as an image" in reason for _, reason in found.unreadable)
    assert len(json.loads(found.results.read_text())["images"]) == 3


def test_no_readable_image(trained, tmp_path):
    (tmp_path / "text.jpg").write_text("not an image")
    with pytest.raises(ValueError, match=r"none of 1 images could be read, the first of them .*text\.jpg"):
        run(trained("classifier"), tmp_path / "text.jpg", tmp_path / "out")
    assert files(tmp_path / "out") == []


def test_files_of_an_earlier_call(photographs, tmp_path):
    out = tmp_path / "out"
    plan([str(photographs)], out)
    (out / "predictions.json").touch()
    with pytest.raises(ValueError, match=r"has predictions of an earlier call \(predictions\.json\).*--overwrite"):
        plan([str(photographs)], out)
    assert len(plan([str(photographs)], out, overwrite=True)) == 3


def test_images_that_would_be_written_to_one_file(photographs, tmp_path):
    one = photographs / "cats" / "one.png"
    assert [job.name for job in plan([str(one), str(photographs / "rocket.tif")], tmp_path / "out")] == [
        "one.png",
        "rocket.tif",
    ]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "one.png").touch()
    with pytest.raises(ValueError, match=r"are alike, and both would be written as .*one\.png"):
        plan([str(one), str(tmp_path / "other")], tmp_path / "out")
    with pytest.raises(ValueError, match=r"one\.png is named twice"):
        plan([str(one), str(photographs / "cats")], tmp_path / "out")


def test_no_images(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty has no images, at any depth"):
        plan([str(tmp_path / "empty")], tmp_path / "out")
    with pytest.raises(FileNotFoundError, match=r"image .*absent\.jpg does not exist"):
        plan([str(tmp_path / "absent.jpg")], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made(photographs, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        plan([str(photographs)], tmp_path / "file" / "out")
