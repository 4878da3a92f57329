"""One arm with one seed, from random weights to a result on disk. A result that is there is not computed again."""

import copy
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.evidence.arms import ARMS, TRANSFERS, Arm
from benchmarks.evidence.classification import accuracy, train_classifier
from benchmarks.evidence.fashion import load_fashion_mnist
from benchmarks.evidence.pretraining import build_encoder, pretrain
from benchmarks.evidence.probes import Labelled, activity, best, distances, probe
from benchmarks.evidence.settings import Settings
from benchmarks.evidence.transfer import train_upernet, write_config
from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.whole_file import whole_file


@dataclass(frozen=True)
class Run:
    """An arm, or a transfer, with a seed.

    Attributes:
        name: The name of the arm or the transfer.
        seed: The seed.
        settings: Sizes and lengths.
        data: The folder of Fashion-MNIST.
        work_dir: Where results and weights go.
    """

    name: str
    seed: int
    settings: Settings
    data: Path
    work_dir: Path

    @property
    def result_file(self) -> Path:
        """Where the result is."""
        return self.work_dir / f"{self.name}-seed{self.seed}.json"

    def finished(self) -> dict[str, Any] | None:
        """Return the result if it is on disk and was computed with these settings."""
        if not self.result_file.is_file():
            return None
        result = json.loads(self.result_file.read_text())
        return result if result["settings"] == self.settings.as_json() else None


@dataclass(frozen=True)
class Data:
    """Fashion-MNIST, divided. Only ``unlabelled`` and ``labelled`` are trained on.

    Attributes:
        unlabelled: Images for FCMAE, (N, 28, 28) bytes.
        labelled: Images and labels for classifiers, drawn by the run's seed.
        held_out: Images and labels that choose rates and penalties.
        neighbours: Images and labels for k-NN and the linear probe.
        test: Test images and labels.
    """

    unlabelled: Tensor
    labelled: Labelled
    held_out: Labelled
    neighbours: Labelled
    test: Labelled

    @classmethod
    def of(cls, run: Run) -> "Data":
        """Read the images and divide them."""
        settings = run.settings
        images, labels = load_fashion_mnist(run.data, "train")
        test_images, test_labels = load_fashion_mnist(run.data, "test")
        free = len(images) - settings.held_out
        drawn = torch.randperm(free, generator=torch.Generator().manual_seed(run.seed))[: settings.labelled]
        return cls(
            unlabelled=images[:free],
            labelled=(images[drawn], labels[drawn]),
            held_out=(images[free:], labels[free:]),
            neighbours=(images[: settings.probe_train], labels[: settings.probe_train]),
            test=(test_images[: settings.test], test_labels[: settings.test]),
        )


def plan(settings: Settings, data: Path, work_dir: Path) -> list[list[Run]]:
    """Return all runs in two lists: trainings on Fashion-MNIST, then transfers, which need their weights."""
    return [
        [Run(item.name, seed, settings, data, work_dir) for seed in settings.seeds for item in items]
        for items in (ARMS, TRANSFERS)
    ]


def execute(run: Run) -> None:
    """Train, measure, and write the result."""
    started = time.monotonic()
    arms = {arm.name: arm for arm in ARMS}
    result = _train_arm(arms[run.name], run) if run.name in arms else _transfer(run)
    seconds = round(time.monotonic() - started)
    document = {"name": run.name, "seed": run.seed, **result, "seconds": seconds, "settings": run.settings.as_json()}
    with whole_file(run.result_file) as path:
        path.write_text(json.dumps(document, indent=1) + "\n")


def weights_file(work_dir: Path, arm: str, seed: int) -> Path:
    """Return where a run of FCMAE leaves its weights."""
    return work_dir / f"{arm}-seed{seed}.pth"


def _train_arm(arm: Arm, run: Run) -> dict[str, Any]:
    settings, data = run.settings, Data.of(run)
    moments: dict[str, list[float]] = {}

    def at_moment(moment: float, encoder: ConvNeXtV2) -> None:
        moments[f"{moment:g}"] = distances(encoder, data.test[0][: settings.distance_images], settings.image_size)

    result: dict[str, Any] = {}
    if arm.method == "fcmae":
        model, result["losses"] = pretrain(arm, data.unlabelled, run.seed, settings, at_moment)
        torch.save({"state_dict": model.state_dict()}, weights_file(run.work_dir, arm.name, run.seed))
        encoder, steps = model.backbone, settings.finetune_steps
    else:
        torch.manual_seed(run.seed)
        encoder, steps = build_encoder(arm.backbone, settings), settings.supervised_steps
    held_out, classifiers, found = [], [], []
    for rate in settings.finetune_rates:
        moments_of_rate = None if arm.method == "fcmae" else at_moment
        start = copy.deepcopy(encoder)
        classifiers.append(train_classifier(start, data.labelled, run.seed, steps, rate, settings, moments_of_rate))
        held_out.append(accuracy(classifiers[-1], data.held_out, settings.image_size))
        found.append(dict(moments))
    rate = best(settings.finetune_rates, held_out)
    chosen = settings.finetune_rates.index(rate)
    measured = encoder if arm.method == "fcmae" else classifiers[chosen].encoder
    layers = found[chosen]
    dead, saturated = activity(measured, data.test[0][: settings.distance_images], settings.image_size)
    return {
        **result,
        "finetuned": accuracy(classifiers[chosen], data.test, settings.image_size),
        "finetune_rate": rate,
        **probe(measured, data.neighbours, data.held_out, data.test, settings),
        "distance": sum(layers["1"]) / len(layers["1"]),
        "distances": layers,
        "dead": dead,
        "saturated": saturated,
    }


def _transfer(run: Run) -> dict[str, Any]:
    transfer = next(item for item in TRANSFERS if item.name == run.name)
    weights = weights_file(run.work_dir, transfer.pretrained, run.seed) if transfer.pretrained else None
    config = run.work_dir / f"{run.name}-seed{run.seed}" / "upernet.py"
    write_config(transfer, weights, run.seed, run.settings, config)
    return {"miou": train_upernet(config)}
