"""Handwritten digits on photographs, as small data sets in the forms of COCO and of DOTA."""

import json
from pathlib import Path

import numpy as np

from tests.configs.images import SIDE, pictures, write

# Keypoints of a person in COCO: the number that the configs are for.
NUM_KEYPOINTS = 17


def write_digits(root: Path, num: int) -> None:
    """images/*.png, coco.json and dota/*.txt.

    Each digit is a "person" whose keypoints go from one corner of its box to the other, and a "plane".
    """
    images, annotations = [], []
    for i, (image, mask, _) in enumerate(pictures(num)):
        write(root / "images" / f"{i}.png", image)
        images.append({"id": i, "file_name": f"{i}.png", "height": SIDE, "width": SIDE})
        rows, columns = mask.nonzero()
        x, y = int(columns.min()), int(rows.min())
        width, height = int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
        places = np.linspace(0.1, 0.9, NUM_KEYPOINTS)
        points = np.stack((x + width * places, y + height * places, np.full(NUM_KEYPOINTS, 2.0)), axis=1)
        annotations.append(
            {
                "id": i,
                "image_id": i,
                "category_id": 1,
                "bbox": [x, y, width, height],
                "area": width * height,
                "iscrowd": 0,
                "keypoints": points.ravel().tolist(),
                "num_keypoints": NUM_KEYPOINTS,
            }
        )
        corners = (x, y, x + width, y, x + width, y + height, x, y + height)
        (root / "dota").mkdir(exist_ok=True)
        (root / "dota" / f"{i}.txt").write_text(f"{' '.join(map(str, corners))} plane 0\n")
    categories = [{"id": 1, "name": "person"}]
    (root / "coco.json").write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
