"""A training by the real command on images that are made up."""

import json

import cv2
import pytest

from benchmarks.gpu.training_run import last_rate, main, train, write_images


def test_a_dry_run_trains(capfd):
    assert main(["--device", "cpu", "--quick"]) == 0
    printed = capfd.readouterr().out
    assert "Iter(train) [4/4]" in printed
    *_, last = printed.splitlines()
    assert last.startswith("tools/train.py on cpu, eager: ")


def test_images_are_smooth_and_all_different(tmp_path):
    write_images(tmp_path / "images", 3, 64)
    images = [cv2.imread(str(path)) for path in sorted((tmp_path / "images").iterdir())]
    assert [image.shape for image in images] == [(64, 64, 3)] * 3
    assert all((a != b).any() for a, b in zip(images, images[1:] + images[:1], strict=True))
    assert all(image.std() > 20 for image in images)


def test_the_last_rate_counts(tmp_path):
    rows = [{"images_per_second": 5.0}, {"images_per_second": 7.0}, {"loss": 1.0}]
    (tmp_path / "scalars.json").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert last_rate(tmp_path / "scalars.json") == 7


def test_a_training_that_fails_is_told(tmp_path):
    with pytest.raises(RuntimeError, match="exit status"):
        train(tmp_path, tmp_path / "not_there.py", compiled=False)
