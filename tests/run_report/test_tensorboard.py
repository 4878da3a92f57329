"""TensorBoard's own reader finds the numbers and pictures that the page shows."""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cnxv2_mm.training.runner import build_runner
from tests.run_report import runs
from tests.web_page.reader import Reader

BACKENDS = [{"type": "LocalVisBackend"}, {"type": "TensorboardVisBackend"}]


def test_numbers_and_pictures(tmp_path, odd_images):
    visualizer = {"type": "Visualizer", "vis_backends": BACKENDS, "name": str(tmp_path)}
    run = build_runner(runs.fcmae(tmp_path / "run", odd_images, [runs.PAGE], visualizer=visualizer))
    run.train()
    data = Path(run.work_dir) / run.timestamp / "vis_data"
    events = EventAccumulator(str(data), size_guidance={"images": 0, "scalars": 0})
    events.Reload()
    (lines,) = runs.scalars(run.work_dir)
    for name in ("loss", "lr", "held_out/loss", "held_out/rank_me", "images_per_second"):
        expected = [(line["step"], line[name]) for line in lines if name in line]
        found = [(event.step, event.value) for event in events.Scalars(name)]
        assert [step for step, _ in found] == [step for step, _ in expected]
        assert np.allclose([x for _, x in found], [x for _, x in expected], rtol=1e-6)  # float32
    pictures = events.Images("reconstruction")
    assert [picture.step for picture in pictures] == [0, 4, 8, 10]
    for picture in pictures:
        local = Image.open(data / "vis_image" / f"reconstruction_{picture.step}.png")
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture.encoded_image_string))), np.asarray(local))
    assert "tensorboard --logdir" in Reader((Path(run.work_dir) / "report.html").read_text()).text
