"""A picture reaches the run's folder as it is."""

from pathlib import Path

import cv2
import numpy as np

from cnxv2_mm.training.monitoring.show_picture import show_picture


def test_a_picture_in_the_folder(runner):
    """Every backend, and MLflow's files: ``test_reconstruction_sheet.py``, ``test_feature_probe.py``."""
    run = runner()
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    show_picture(run, "sheet", picture, 12)
    (file,) = Path(run.work_dir).glob("*/vis_data/vis_image/*")
    assert file.name == "sheet_12.png"
    assert np.array_equal(cv2.imread(str(file))[..., ::-1], picture)
