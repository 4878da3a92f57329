"""``--auto-scale-lr``: on the GPUs that a config's name says, it changes nothing."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config

from cnxv2_mm.config.load import load_config
from cnxv2_mm.training.run import scale_learning_rate
from tests.test_structure import ROOT

CONFIGS = [
    path
    for path in sorted((ROOT / "configs").rglob("*.py"))
    if not {"_base_", "demo"} & set(path.relative_to(ROOT).parts)
]


def images_per_step(config: Config, name: str) -> tuple[int, int | None]:
    """GPUs x images x accumulation, GPUs being None where the name says nothing."""
    batch = config.train_dataloader.batch_size
    said = re.search(r"_(\d+)xb(\d+)(?:-|_|$)", name)
    if said is not None:
        assert int(said[2]) == batch, f"{name} trains with batches of {batch}"
    return batch * config.optim_wrapper.get("accumulative_counts", 1), int(said[1]) if said else None


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_base_batch_is_that_of_the_name(path: Path):
    config = load_config(str(path))
    own, gpus = images_per_step(config, path.stem)
    base = config.auto_scale_lr.base_batch_size
    if gpus is None:
        # OpenMMLab's names of detectors say nothing; a whole number of GPUs then, or one for folders of images.
        gpus, rest = divmod(base, own)
        assert gpus >= 1
        assert rest == 0
    assert base == gpus * own
    # mmengine's factor is GPUs x images / base_batch_size.
    scale_learning_rate(config)
    assert gpus * config.train_dataloader.batch_size / config.auto_scale_lr.base_batch_size == 1


def test_there_are_configs():
    assert CONFIGS
