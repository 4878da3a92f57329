"""Resumed runs against the same runs without interruption: every number equal, to the last bit."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

from cnxv2_mm.checkpoints import allow_checkpoint_types
from cnxv2_mm.training import seeding
from cnxv2_mm.training.seeding import PlacedIndex, seed_samples
from tests.tools.conftest import load_tool
from tests.tools.toy_augmented import CONFIG

EPOCHS = (
    CONFIG.replace("by_epoch=False, max_iters=7, val_interval=3", "by_epoch=True, max_epochs=3")
    .replace("InfiniteSampler", "DefaultSampler")
    .replace("by_epoch=False, interval=3", "interval=1")
)


def train(folder, name, config, *arguments):
    """One run with a name and a folder of its own; returns its folder."""
    file = folder / f"{name}.py"
    file.write_text(config)
    load_tool("train").main([str(file), "--work-dir", str(folder / name), *arguments])
    return folder / name


def steps(work_dir):
    return (work_dir / "steps_0.txt").read_text().splitlines()


def assert_equal(result, expected):
    """Weights, averaged weights, moments and schedules of two checkpoints."""
    allow_checkpoint_types()
    result, expected = (torch.load(path, weights_only=True) for path in (result, expected))
    for entry in ("state_dict", "ema_state_dict", "optimizer", "param_schedulers"):
        torch.testing.assert_close(_flat(result[entry]), _flat(expected[entry]), rtol=0, atol=0)


def _flat(value):
    """Tensors and numbers of nested containers, by their place."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else None
    if items is None:
        return {"": torch.as_tensor(value)} if isinstance(value, torch.Tensor | float | int) else {}
    return {f"{key}.{inner}": leaf for key, item in items for inner, leaf in _flat(item).items()}


@pytest.mark.parametrize(
    ("config", "checkpoint", "first", "last", "workers", "workers_later"),
    [
        # Iteration 3 lies within an accumulation, and the run validates after it has saved.
        (CONFIG, "iter_3.pth", 4, "iter_7.pth", 0, 0),
        (CONFIG, "iter_3.pth", 4, "iter_7.pth", 2, 1),
        (EPOCHS, "epoch_1.pth", 5, "epoch_3.pth", 0, 0),
        (EPOCHS, "epoch_2.pth", 9, "epoch_3.pth", 2, 2),
    ],
    ids=["iterations", "iterations by workers", "epochs", "epochs by workers that stay"],
)
def test_a_resumed_run_equals_the_uninterrupted_one(config, checkpoint, first, last, workers, workers_later, tmp_path):
    def loader(count):
        return config.replace("num_workers=0", f"num_workers={count}, persistent_workers={count > 1}", 1)

    whole = train(tmp_path, "whole", loader(workers))
    resumed = train(tmp_path, "resumed", loader(workers_later), "--resume", str(whole / checkpoint))
    assert steps(resumed) == steps(whole)[first - 1 :]
    assert len({line.split()[1] for line in steps(whole)}) == len(steps(whole))  # no batch twice
    assert_equal(resumed / last, whole / last)


def test_a_seed_that_the_config_does_not_fix_goes_on_too(tmp_path):
    config = CONFIG.replace("seed=5", "seed=None")
    whole = train(tmp_path, "whole", config, "--no-validate")
    resumed = train(tmp_path, "resumed", config, "--no-validate", "--resume", str(whole / "iter_6.pth"))
    assert steps(resumed) == steps(whole)[6:]
    other = train(tmp_path, "other", config, "--no-validate", "--cfg-options", "train_cfg.max_iters=1")
    assert steps(other)[0] != steps(whole)[0]


class Draws(Dataset):
    """Numbers of all generators that an augmentation may draw from."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        assert type(index) is int
        return index, random.random(), np.random.rand(), torch.rand(()).item()  # noqa: NPY002


def read(workers, seed=0, passes=2, **options):
    loader = DataLoader(Draws(), num_workers=workers, collate_fn=list, **options)
    seed_samples(loader, seed)
    samples = []
    for epoch in range(passes):
        loader.batch_sampler.sampler.set_epoch(epoch)
        samples += [sample for batch in loader for sample in batch]
    return samples


def test_a_sample_depends_on_its_place_alone():
    once = read(0, batch_size=2)
    assert once == read(3, batch_size=2) == read(2, batch_size=4, persistent_workers=True)
    # Two passes over the data, every sample with numbers of its own, in all three generators.
    assert [sample[0] for sample in once] == [*range(8), *range(8)]
    for generator in (1, 2, 3):
        numbers = [sample[generator] for sample in once]
        assert len(set(numbers)) == 16
        assert np.mean(numbers) == pytest.approx(0.5, abs=3 * 0.29 / 4)  # three deviations of a mean of 16
    assert not {sample[1] for sample in once} & {sample[1] for sample in read(0, seed=1, batch_size=2)}


def test_the_libraries_see_what_they_saw_before():
    loader = DataLoader(Draws(), batch_size=2)
    dataset, kinds = loader.dataset, (type(loader.dataset), type(loader.sampler))
    seed_samples(loader, 0)
    assert loader.dataset is dataset
    assert type(loader.dataset) is kinds[0]
    assert isinstance(loader.sampler, kinds[1])
    first = next(iter(loader.sampler))
    assert isinstance(first, PlacedIndex)
    assert (first, [10, 20][first]) == (0, 10)


def test_what_cannot_be_repeated_is_said(monkeypatch):
    said = []
    monkeypatch.setattr(seeding, "print_log", lambda text, **options: said.append(text))

    class Stream(IterableDataset):
        def __iter__(self):
            return iter(range(4))

    loader = DataLoader(Stream(), batch_size=2)
    seed_samples(loader, 0)
    assert len(said) == 1
    assert "without a sampler" in said[0]
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3]]
