"""The JPEGs that are loaded: made at run time from photographs that come with scikit-learn and scikit-image."""

from pathlib import Path

import numpy as np
from PIL import Image

# Of ImageNet's photographs, as far as there is a usual one: about 100 KB in the original, 4:2:0.
WIDTH, HEIGHT, QUALITY = 500, 375, 95


def write_photographs(folder: Path, number: int) -> int:
    """Write JPEGs of 500 x 375 pixels, each another part of one of six photographs.

    Args:
        folder: Where to; it is made.
        number: How many.

    Returns:
        The mean size of the files in bytes.
    """
    from skimage import data  # here: other benchmarks run where it is not installed
    from sklearn.datasets import load_sample_images

    folder.mkdir(parents=True, exist_ok=True)
    photographs = [*load_sample_images().images, data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    random = np.random.default_rng(0)
    sizes = []
    for i in range(number):
        picture = Image.fromarray(photographs[i % len(photographs)])
        width = int(min(picture.width, picture.height * WIDTH / HEIGHT) * random.uniform(0.7, 1.0))
        height = width * HEIGHT // WIDTH
        left = int(random.integers(picture.width - width + 1))
        top = int(random.integers(picture.height - height + 1))
        part = picture.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC, (left, top, left + width, top + height))
        path = folder / f"{i:04}.jpg"
        part.save(path, quality=QUALITY)
        sizes.append(path.stat().st_size)
    return round(sum(sizes) / number)
