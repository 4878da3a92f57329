"""``--auto-scale-lr``: on the GPUs that a config's name says, it changes nothing."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config

from cnxv2_mm.config.load import load_config
from cnxv2_mm.training.auto_scale_lr import scale_learning_rate
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


def test_accumulated_images_count_when_the_learning_rate_is_scaled():
    """mmengine's factor is batch x processes / base: with 8 x 64 images, accumulated 8 times, it must come out as 1."""
    wrapper = {"type": "OptimWrapper", "accumulative_counts": 8}
    config = Config({"auto_scale_lr": {"base_batch_size": 4096}, "optim_wrapper": wrapper})
    for _ in range(2):  # the second time, on the config that the first run wrote into its folder
        scale_learning_rate(config)
        assert config.auto_scale_lr.enable
        assert 8 * 64 / config.auto_scale_lr.base_batch_size == 1
    plain = Config({"auto_scale_lr": {"base_batch_size": 512}, "optim_wrapper": {"type": "OptimWrapper"}})
    scale_learning_rate(plain)
    assert plain.auto_scale_lr.base_batch_size == 512


def test_a_config_that_does_not_say_its_batch_size():
    with pytest.raises(ValueError, match=r"--auto-scale-lr: .* Add auto_scale_lr=dict\(base_batch_size=\.\.\.\)"):
        scale_learning_rate(Config({"optim_wrapper": {"type": "OptimWrapper"}}))
