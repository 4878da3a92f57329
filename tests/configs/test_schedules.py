"""The learning rate at named iterations, from the schedulers that mmengine's own runner builds.

Oracle: ``adjust_learning_rate`` of the official code, a linear rise and then half a cosine; V1's steps and polynomial.
"""

import math
from collections import defaultdict

import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch.utils.data import TensorDataset

from tests.configs.common import DINO, LOW_DATA, MULTICHANNEL, RTMDET, RTMDET_FROZEN, load
from tests.configs.recipes import FINE_TUNING


def learning_rates(cfg, tmp_path, epoch_length, **train_cfg):
    """The rate used in every iteration, in units of the highest one."""
    init_default_scope("mmengine")
    runner = Runner(
        model=torch.nn.Linear(1, 1),
        work_dir=str(tmp_path),
        train_dataloader={
            "dataset": TensorDataset(torch.zeros(epoch_length)),
            "batch_size": 1,
            "sampler": {"type": "DefaultSampler", "shuffle": False},
        },
        train_cfg={**cfg.train_cfg, **train_cfg, "val_interval": 10**9},
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 1.0}},
        param_scheduler=cfg.param_scheduler,
        default_hooks={"logger": None},
        experiment_name=tmp_path.name + str(id(cfg)),
    )
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    schedulers = runner.build_param_scheduler(runner.param_schedulers)
    rates = []
    for iteration in range(runner.max_iters):
        rates.append(runner.optim_wrapper.param_groups[0]["lr"])
        for scheduler in schedulers:
            if not scheduler.by_epoch or (iteration + 1) % epoch_length == 0:
                scheduler.step()
    return rates


def cosine(part, lowest):
    """Half a cosine from 1 to ``lowest``, ``part`` of the way."""
    return lowest + (1 - lowest) * (1 + math.cos(math.pi * part)) / 2


def check_cosine(rates, warmup, lowest):
    """At the beginning, in the middle of the rise, at its end, at quarters of the cosine, in the last iteration."""
    total = len(rates)
    if warmup:
        assert rates[0] == pytest.approx(1e-6)
        assert rates[warmup // 2] == pytest.approx(0.5, abs=0.51 / warmup + 0.01)
        assert rates[warmup - 1] == pytest.approx(1.0)
    for quarter in (0, 1, 2, 3):
        at = warmup + (total - warmup) * quarter // 4
        assert rates[at] == pytest.approx(cosine((at - warmup) / (total - warmup), lowest))
    assert rates[-1] == pytest.approx(cosine(1 - 1 / (total - warmup), lowest))


LENGTH = 12  # iterations in an epoch


@pytest.mark.parametrize("path", FINE_TUNING)
def test_fine_tuning(path, tmp_path):
    row = {name: value.expected for name, value in FINE_TUNING[path].items()}
    rates = learning_rates(load(path), tmp_path, LENGTH)
    assert len(rates) == row["epochs"] * LENGTH
    check_cosine(rates, row["warmup"] * LENGTH, row["min_lr"] / (row["base_lr"] * row["batch"] / 256))


@pytest.mark.parametrize(
    ("path", "warmup", "epochs"),
    [
        ("fcmae_convnextv2-base_64xb64-800e_in1k.py", 40, 800),
        ("fcmae_convnextv2-huge_64xb64-1600e_in1k.py", 40, 1600),
        ("fcmae_convnextv2-base_1xb128-accum32-1600e_in1k.py", 40, 1600),
        # 1600 epochs of 1 281 167 images are 144 of 14 197 122; 40 of them 3.6
        ("fcmae_convnextv2-base_64xb64-144e_in22k.py", 3.6, 144),
    ],
)
def test_pre_training(path, warmup, epochs, tmp_path):
    rates = learning_rates(load(f"configs/fcmae/{path}"), tmp_path, LENGTH)
    check_share(rates, epochs * LENGTH, warmup / epochs)


DEMO = ["fcmae", "classification", "mask_rcnn", "upernet"]


@pytest.mark.parametrize("epochs", [1, 4, 40, 100, 800])
def test_pre_training_on_a_folder_takes_any_number_of_epochs(epochs, tmp_path):
    rates = learning_rates(load("configs/fcmae/folder.py"), tmp_path, LENGTH, max_epochs=epochs)
    check_share(rates, epochs * LENGTH, 40 / 800)


@pytest.mark.parametrize("iterations", [20, 300])
@pytest.mark.parametrize("name", DEMO)
def test_the_demo_takes_any_number_of_iterations(name, iterations, tmp_path):
    cfg = load(f"configs/demo/{name}.py")
    full = cfg.train_cfg.max_iters
    rates = learning_rates(cfg, tmp_path, LENGTH, max_iters=iterations)
    check_share(rates, iterations, 20 / full)


def check_share(rates, total, share):
    """The official formula, whose ``epoch`` is a fraction that grows with every iteration."""
    assert len(rates) == total
    warmup = share * total
    expected = [i / warmup if i < warmup else cosine((i - warmup) / (total - warmup), 0.0) for i in range(total)]
    assert rates == pytest.approx(expected)
    assert max(rates) > 0.99 - 1 / total  # the full rate is reached
    assert rates[-1] < 0.05 + 3 / total**2  # and left again


@pytest.mark.parametrize(
    "path", ["convnextv2-base_32xb128-300e-supervised_in1k.py", "convnext-v1-tiny_32xb128-300e_in1k.py"]
)
def test_supervised(path, tmp_path):
    rates = learning_rates(load(f"configs/imagenet/{path}"), tmp_path, LENGTH)
    assert len(rates) == 300 * LENGTH
    check_cosine(rates, 20 * LENGTH, 1e-6 / 4e-3)  # V1: 20 epochs of warm-up, min_lr 1e-6


def test_low_data(tmp_path):
    rates = learning_rates(load("configs/imagenet/lowdata_convnextv2-tiny_1xb32-50e_folder.py"), tmp_path, LENGTH)
    assert len(rates) == 50 * LENGTH
    check_cosine(rates, 5 * LENGTH, 1e-6 / 1e-4)


@pytest.mark.parametrize("iterations", [400, 4000])
def test_low_data_of_a_detector_takes_any_number_of_iterations(iterations, tmp_path):
    rates = learning_rates(load(LOW_DATA), tmp_path, LENGTH, max_iters=iterations)
    check_share(rates, iterations, 0.05)


@pytest.mark.parametrize("path", [RTMDET, RTMDET_FROZEN])
def test_rtmdet(path, tmp_path):
    """mmdetection: 1000 iterations of warm-up, the full rate for half of 100 epochs, then half a cosine to a 20th."""
    length = 50
    rates = learning_rates(load(path), tmp_path, length)
    assert len(rates) == 100 * length
    assert [rates[0], rates[999]] == pytest.approx([1e-5, 1.0])
    assert rates[1000 : 50 * length] == pytest.approx([1.0] * (50 * length - 1000))
    half = 50 * length
    for quarter in range(4):
        at = half + half * quarter // 4
        assert rates[at] == pytest.approx(cosine((at - half) / half, 0.05))
    assert rates[-1] == pytest.approx(0.05, rel=1e-4)


def test_dino(tmp_path):
    """mmdetection: a tenth in the last of 12 epochs."""
    rates = learning_rates(load(DINO), tmp_path, LENGTH)
    assert rates == pytest.approx([1.0] * 11 * LENGTH + [0.1] * LENGTH)


@pytest.mark.parametrize(
    "path",
    [
        "mask-rcnn_convnextv2-huge_fpn_lsj-3x_coco.py",
        "cascade-mask-rcnn_convnextv2-base_fpn_4conv1fc-giou_ms-crop-3x_coco.py",
    ],
)
def test_detection(path, tmp_path):
    """1000 iterations of warm-up, then a tenth at 27 and again at 33 of 36 epochs."""
    length = 100
    rates = learning_rates(load(f"configs/coco/{path}"), tmp_path, length)
    assert len(rates) == 36 * length
    assert [rates[0], rates[999]] == pytest.approx([1e-3, 1.0])
    assert rates[500] == pytest.approx(0.5, abs=2e-3)
    spans = defaultdict(set)
    for iteration, rate in enumerate(rates[1000:], start=1000):
        spans[sum(iteration >= epoch * length for epoch in (27, 33))].add(round(rate, 9))
    assert spans == {0: {1.0}, 1: {0.1}, 2: {0.01}}


@pytest.mark.parametrize(
    ("path", "total"),
    [
        ("configs/ade20k/upernet_convnextv2-base_8xb2-160k_ade20k-512x512.py", 160_000),
        (MULTICHANNEL, 40_000),  # our choice
    ],
)
def test_segmentation(path, total, tmp_path):
    """V1: 1500 iterations of warm-up from 1e-6, then straight down to zero in the last one."""
    rates = learning_rates(load(path), tmp_path, 10)
    assert len(rates) == total
    assert [rates[0], rates[1499], rates[1500]] == pytest.approx([1e-6, 1.0, 1.0])
    middle = 1500 + (total - 1500) // 2
    assert rates[middle] == pytest.approx(0.5, abs=1e-4)
    assert rates[-1] == pytest.approx(0.0, abs=1.5 / total)
