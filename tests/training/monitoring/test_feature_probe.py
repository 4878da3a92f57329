"""The numbers of a real run, each computed a second time: by a loop, by numpy, by scikit-learn."""

import json
import multiprocessing
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import VISBACKENDS
from mmengine.runner import Runner
from mmengine.visualization.vis_backend import BaseVisBackend, LocalVisBackend
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import KNeighborsClassifier

from cnxv2_mm import FeatureProbeHook
from cnxv2_mm.analysis.nearest_neighbours import knn_accuracy
from cnxv2_mm.masking import patchify
from cnxv2_mm.training.monitoring import feature_probe
from cnxv2_mm.training.runner import build_runner, leave_processes
from tests.training.monitoring.conftest import scalars, settings
from tests.training.monitoring.test_collapse import make_channels_parallel

PROBE = {"type": "cnxv2_mm.FeatureProbeHook", "interval": 4}
HOOKS = [PROBE, {"type": "cnxv2_mm.ReconstructionSheetHook", "interval": 3}, {"type": "cnxv2_mm.ThroughputHook"}]


def measured(run):
    return {line["step"]: line for line in scalars(run) if "held_out/loss" in line}


def losses(run):
    return [line["loss"] for line in scalars(run) if "loss" in line]


def load(run):
    """The hook of a run, and its images, as the model takes them, with their masks."""
    (hook,) = (hook for hook in run.hooks if isinstance(hook, FeatureProbeHook))
    ((images, samples),) = hook.images.batches(run.model, 100)
    return hook, images, torch.stack([sample.visible for sample in samples])


def by_hand(model, images, visible):
    """Features of whole images and cells of the hidden layers, by the layout that computes whole maps."""
    cells = {}
    for name, module in model.backbone.named_modules():
        if name.endswith("pwconv2"):
            module.register_forward_pre_hook(lambda _, args, name=name: cells.update({name: args[0]}))
    features = model.backbone.encode_visible(images, torch.ones_like(visible), "masked_dense").mean((2, 3))
    return features.numpy(), {name.removesuffix(".pwconv2"): x.flatten(1, -2).numpy() for name, x in cells.items()}


@torch.no_grad()
def test_the_numbers_of_a_run(runner, class_folders, monkeypatch):
    asked = []
    monkeypatch.setattr(feature_probe, "knn_accuracy", lambda *args: asked.append(args) or knn_accuracy(*args))
    data = {"train_dataloader.dataset.with_label": True, "train_dataloader.dataset.data_root": str(class_folders)}
    run = runner(custom_hooks=[PROBE], **data)
    with torch.enable_grad():
        run.train()
    found = measured(run)
    assert list(found) == [0, 4, 8, 10]
    numbers = found[10]
    model = run.model.eval()
    hook, images, visible = load(run)
    assert len(images) == 2

    one_by_one = [model.reconstruction_loss(images[i : i + 1], visible[i : i + 1], 1).item() for i in range(2)]
    assert numbers["held_out/loss"] == pytest.approx(np.mean(one_by_one), rel=1e-5)
    patches = patchify(images, 32)[~visible.flatten(1)].view(2, 3, 1024, 3).flatten(2)
    targets = (patches - patches.mean(-1, keepdim=True)) / (patches.var(-1, keepdim=True) + 1e-6).sqrt()
    assert numbers["held_out/patch_mean_loss"] == pytest.approx(targets.square().mean().item(), rel=1e-4)

    features, cells = by_hand(model, images, visible)
    values = np.linalg.svd(features, compute_uv=False)
    share = values / values.sum() + 1e-7
    assert numbers["held_out/rank_me"] == pytest.approx(np.exp(-(share * np.log(share)).sum()), rel=1e-4)
    distance = {name: np.mean([(1 - cosine_similarity(x.T)).mean() / 2 for x in cells[name]]) for name in cells}
    assert len(distance) == 4
    for name, value in distance.items():
        assert numbers[f"cosine_distance/{name}"] == pytest.approx(value, abs=1e-5)
    assert numbers["held_out/cosine_distance"] == pytest.approx(np.mean(list(distance.values())), abs=1e-5)

    ((known, _),) = hook._neighbours.batches(model, 100)
    bank, _ = by_hand(model, known, torch.ones(18, 2, 2, dtype=torch.bool))
    of_classes = [0] * 9 + [1] * 9  # ten images each, of which one is held out
    for given, expected in zip(asked[-1], (bank, of_classes, features, [0, 1]), strict=True):
        assert np.allclose(given, expected, atol=1e-5)
    judge = KNeighborsClassifier(18, metric="cosine", weights=lambda x: np.exp((1 - x) / 0.07))
    assert numbers["held_out/knn"] == judge.fit(bank, of_classes).score(features, [0, 1])


def test_a_folder_has_no_labels_and_its_numbers_are_in_the_checkpoint(runner):
    run = runner(custom_hooks=[PROBE])
    run.train()
    found = measured(run)
    assert not any("knn" in name for line in found.values() for name in line)
    log = next(Path(run.work_dir).glob("*/*.log")).read_text()
    assert re.search(r"Step 4, held-out images: loss: \S+  patch_mean_loss: \S+  rank_me: \S+  cosine_distance: ", log)
    assert "collapsed" not in log
    again = runner("resumed", custom_hooks=[PROBE], resume=True, load_from=f"{run.work_dir}/epoch_2.pth")
    again.load_or_resume()
    values = again.message_hub.get_scalar("held_out/rank_me").data[0]
    assert values.tolist() == [line["held_out/rank_me"] for line in found.values()]


def test_a_collapse_is_warned_of(runner):
    run = runner(custom_hooks=[PROBE])
    for stage in run.model.backbone.stages[:2]:
        make_channels_parallel(stage[0])
    run.train()
    log = next(Path(run.work_dir).glob("*/*.log")).read_text()
    (warning,) = re.findall(r"WARNING - (Step 0: .*)", log)
    assert "collapsed in 2 of 4 hidden layers (stages.0.0, stages.1.0): their feature cosine distance is" in warning


def test_weights_that_are_not_finite_are_reported_by_the_check_for_them(runner):
    """The probe of the step that spoils them does not fail before."""
    run = runner(custom_hooks=[{**PROBE, "interval": 1}])
    run.model.backbone.stages[0][0].dwconv.weight.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(FloatingPointError, match="step 2: loss=nan"):
        run.train()
    assert np.isnan(measured(run)[1]["held_out/rank_me"])


def test_the_training_is_the_same_with_and_without_the_hooks(tmp_path, png_folder):
    """Crops, masks and dropped paths come from generators that mmengine seeds once; some gradients wait for a step.

    The runner is mmengine's own: ours seeds each step.
    """
    runs = []
    for name, hooks in (("without", []), ("with", HOOKS)):
        changes = {"custom_hooks": hooks, "optim_wrapper.accumulative_counts": 3}
        changes["model.backbone.drop_path_rate"] = 0.3
        run = Runner.from_cfg(settings(tmp_path / name, png_folder, **changes))
        run.train()
        runs.append(run)
    assert losses(runs[0]) == losses(runs[1])
    assert len(losses(runs[0])) == 10
    states = [run.model.state_dict() for run in runs]
    assert all(torch.equal(x, states[1][name]) for name, x in states[0].items())


@VISBACKENDS.register_module(force=True)
class Remembering(BaseVisBackend):
    """Stands for TensorBoard, W&B and MLflow: what reaches one of mmengine's backends reaches all."""

    got: list = []  # noqa: RUF012  one list for the process

    def _init_env(self):
        pass

    @property
    def experiment(self):
        return self.got

    def add_image(self, name, image, step=0, **kwargs):
        self.got.append((name, image.shape, image.dtype, step))

    def add_scalars(self, scalar_dict, step=0, file_path=None, **kwargs):
        self.got.append((*scalar_dict, step))


def test_every_backend_of_the_visualizer_gets_numbers_and_pictures(runner):
    Remembering.got.clear()
    backends = [{"type": "LocalVisBackend"}, {"type": "Remembering"}]
    run = runner(custom_hooks=HOOKS, visualizer={"type": "Visualizer", "vis_backends": backends, "name": "several"})
    run.train()
    got = Remembering.got
    assert [x for x in got if x[0] == "reconstruction"] == [
        ("reconstruction", (200, 132, 3), np.uint8, step) for step in (0, 3, 6, 9, 10)
    ]
    assert [x[-1] for x in got if x[0] == "held_out/loss"] == [0, 4, 8, 10]
    assert all("images_per_second" in x for x in got if x[0] == "lr")


def train_as(rank, folder, images):
    """One of two processes: a training without the hooks, then one with them."""
    os.environ["LOCAL_RANK"] = "0"
    torch.set_num_threads(1)
    if rank == 1:  # its calls would fail
        LocalVisBackend.add_image = LocalVisBackend.add_scalars = None
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    for name, hooks in (("without", []), ("with", HOOKS)):
        config = settings(folder / name, images, custom_hooks=hooks, launcher="pytorch")
        config.model_wrapper_cfg = {"type": "MMDistributedDataParallel", "device_ids": None}
        run = build_runner(config)
        run.train()
        if rank == 0:
            (folder / f"{name}.json").write_text(json.dumps(scalars(run)))
    leave_processes()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_two_processes_train_as_without_the_hooks_and_the_first_one_reports(tmp_path, png_folder):
    context = multiprocessing.get_context("fork")  # nothing to import again
    processes = [context.Process(target=train_as, args=(rank, tmp_path, png_folder), daemon=True) for rank in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    without, with_hooks = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("without", "with"))
    assert [line["loss"] for line in without] == [line["loss"] for line in with_hooks if "loss" in line]
    assert [line["step"] for line in with_hooks if "held_out/loss" in line] == [0, 4, 6]
    assert len(list((tmp_path / "with").rglob("reconstruction_*.png"))) == 3
