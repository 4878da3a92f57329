"""The hook in real trainings: the page at every moment, and the training as it would be without."""

import errno
import json
import time
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from cnxv2_mm.run_report import report_page
from cnxv2_mm.run_report.report_page import ReportPageHook
from cnxv2_mm.training.runner import build_runner
from tests.run_report import runs
from tests.training.monitoring.conftest import settings
from tests.web_page.reader import Reader

OFTEN = {**runs.PAGE, "seconds": 1e-9}


class Pages(Hook):
    """Keeps the page as it is after certain steps, and may do something else then."""

    priority = 99

    def __init__(self, page, **actions):
        self.page, self.found = Path(page), {}
        self.actions = {int(name.removeprefix("at_")): action for name, action in actions.items()}

    def before_train(self, runner):
        self.found[runner.iter] = self.page.read_text()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        step = runner.iter + 1
        self.found[step] = self.page.read_text()
        self.actions.get(step, lambda: None)()


def fail(error):
    def action():
        raise error

    return action


def warnings(run):
    log = next(Path(run.work_dir).glob(f"{run.timestamp}/*.log")).read_text()
    return [
        line.partition("WARNING - ")[2] for line in log.splitlines() if "WARNING - " in line and "deprec" not in line
    ]


@pytest.fixture
def often(monkeypatch):
    """Pages are written after each step, whatever they cost."""
    monkeypatch.setattr(report_page, "_MOST", 1e9)


def test_the_page_while_it_runs(tmp_path, odd_images, often):
    run = build_runner(runs.fcmae(tmp_path / "run", odd_images, [OFTEN]))
    pages = Pages(tmp_path / "run" / "report.html")
    run.register_hook(pages)
    run.train()
    assert list(pages.found) == list(range(11))
    for step, text in pages.found.items():
        page = Reader(text)
        assert f"{step} of 10" in page.text
        assert "running" in page.texts
        assert "http-equiv" in text
        assert ("not known yet" in page.text) == (step == 0)
    assert "epoch 1 of 2" in Reader(pages.found[5]).text
    assert "epoch 2 of 2" in Reader(pages.found[6]).text
    (lines,) = runs.scalars(tmp_path / "run")
    losses = {line["step"]: line["loss"] for line in lines if "loss" in line}
    for step in (1, 6):
        assert f"{losses[step]:.4g}" in Reader(pages.found[step]).text
    end = (tmp_path / "run" / "report.html").read_text()
    assert "finished" in Reader(end).texts
    assert "http-equiv" not in end
    assert warnings(run) == []


def test_how_often_it_is_written(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(ReportPageHook, "_write", lambda self, runner: written.append(runner.iter))
    build_runner(
        runs.digits(tmp_path / "seldom", train_cfg={"by_epoch": True, "max_epochs": 3, "val_interval": 2})
    ).train()
    # At the start, after the validations of epochs 2 and 3, and twice at the end: before and after other hooks.
    assert written == [0, 10, 15, 15, 15]
    written.clear()
    monkeypatch.setattr(report_page, "_MOST", 1e9)
    build_runner(runs.digits(tmp_path / "often", [OFTEN])).train()
    assert set(written) == set(range(16))


def test_the_training_is_the_same_with_and_without(tmp_path, odd_images, often):
    """Crops, masks and dropped paths are drawn from generators that mmengine's own runner seeds once."""
    states = []
    for name, hooks in (("without", []), ("with", [OFTEN])):
        run = Runner.from_cfg(
            settings(tmp_path / name, odd_images, custom_hooks=hooks, **{"model.backbone.drop_path_rate": 0.3})
        )
        run.train()
        states.append(run.model.state_dict())
    first, second = ([line["loss"] for line in runs.scalars(tmp_path / name)[0]] for name in ("without", "with"))
    assert first == second
    assert len(first) == 10
    assert all(torch.equal(x, states[1][name]) for name, x in states[0].items())


def test_an_error_is_on_the_page(tmp_path, odd_images):
    changes = {"default_hooks.checkpoint.interval": 1}
    run = build_runner(runs.fcmae(tmp_path / "run", odd_images, [runs.PAGE], **changes))
    run.register_hook(Pages(tmp_path / "run" / "report.html", at_7=fail(FloatingPointError("loss=nan & <more>"))))
    with pytest.raises(FloatingPointError, match="loss=nan"):
        run.train()
    text = (tmp_path / "run" / "report.html").read_text()
    page = Reader(text)
    assert "stopped after step 7 of 10" in page.text
    assert "FloatingPointError: loss=nan & <more>" in page.texts
    assert f"cnxv2 train {tmp_path}/run/" in page.text
    assert "--resume" in page.text
    assert "http-equiv" not in text


def test_an_interrupt_from_the_keyboard(tmp_path):
    run = build_runner(runs.digits(tmp_path / "run"))
    run.register_hook(Pages(tmp_path / "run" / "report.html", at_2=fail(KeyboardInterrupt())))
    with pytest.raises(KeyboardInterrupt):
        run.train()
    assert "interrupted from the keyboard" in Reader((tmp_path / "run" / "report.html").read_text()).texts


def test_a_resumed_run_shows_what_was_before(tmp_path, odd_images):
    page = tmp_path / "out" / "report.html"
    hooks = [{**runs.PAGE, "page": str(page)}]
    changes = {"train_cfg.max_epochs": 3, "default_hooks.checkpoint.interval": 1}
    first = build_runner(runs.fcmae(tmp_path / "run", odd_images, hooks, **changes))
    first.register_hook(Pages(tmp_path / "out" / "report.html", at_8=fail(ValueError("killed"))))
    with pytest.raises(ValueError, match="killed"):
        first.train()
    resumed = runs.fcmae(
        tmp_path / "run", odd_images, hooks, resume=True, load_from=f"{tmp_path}/run/epoch_1.pth", **changes
    )
    while time.strftime("%Y%m%d_%H%M%S") <= first.timestamp:  # mmengine names folders by the second
        time.sleep(0.05)
    second = build_runner(resumed)
    pages = Pages(page)
    second.register_hook(pages)
    second.train()
    assert list(pages.found) == [5, *range(6, 16)]
    start = Reader(pages.found[5])
    assert "5 of 15" in start.text
    history = next(hook for hook in second.hooks if isinstance(hook, ReportPageHook))._history.read()
    before = {line["step"]: line["loss"] for line in runs.scalars(tmp_path / "run")[0] if "loss" in line}
    assert sorted(before) == list(range(1, 9))
    assert history["loss"].steps[:5] == (1, 2, 3, 4, 5)
    assert history["loss"].values[:5] == tuple(before[step] for step in range(1, 6))
    assert "duration since step 5" in Reader(page.read_text()).text
    assert "Reconstructions after step 0, the first" in Reader(page.read_text()).text


def test_settings_beside_the_page(tmp_path):
    (tmp_path / "out").mkdir()
    content = {
        "task": "classify",
        "settings": [{"name": "rate", "value": 0.25, "why": "the <b> rule"}],
        "next": ["go on"],
    }
    (tmp_path / "out" / "settings.json").write_text(json.dumps(content))
    page = tmp_path / "out" / "report.html"
    build_runner(runs.digits(tmp_path / "run", [{**runs.PAGE, "page": str(page)}])).train()
    texts = Reader(page.read_text()).texts
    assert {"rate", "0.25", "the <b> rule", "go on"} <= set(texts)
    assert not (tmp_path / "run" / "report.html").exists()


def test_a_full_disk_is_one_warning(tmp_path, monkeypatch, often):
    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(report_page, "whole_file", full)
    run = build_runner(runs.digits(tmp_path / "run", [OFTEN]))
    run.train()
    (warning,) = warnings(run)
    assert warning == f"{tmp_path}/run/report.html could not be written: OSError: [Errno 28] No space left on device"
    assert run.iter == 15


def test_a_visualizer_without_local_files(tmp_path):
    run = build_runner(
        runs.digits(tmp_path / "run", visualizer={"type": "Visualizer", "vis_backends": [], "name": "none"})
    )
    run.train()
    (warning,) = warnings(run)
    assert "will have no curves and no pictures: add dict(type='LocalVisBackend')" in warning
    assert "Nothing has been logged yet" in Reader((tmp_path / "run" / "report.html").read_text()).text


def test_a_run_without_validation_and_a_new_one_in_its_folder(tmp_path):
    changes = {"val_cfg": None, "val_dataloader": None, "val_evaluator": None}
    config = runs.digits(tmp_path / "run")
    for name in changes:
        config.pop(name)
    build_runner(config).train()
    text = Reader((tmp_path / "run" / "report.html").read_text()).text
    assert "15 of 15" in text
    assert "40 images" in text
    assert "validated" not in text


def test_a_test_writes_no_page(tmp_path):
    run = build_runner(runs.digits(tmp_path / "run"))
    run.test()
    assert not (tmp_path / "run" / "report.html").exists()


@pytest.mark.parametrize("seconds", [0, -1, "30", True])
def test_errors(seconds):
    with pytest.raises(ValueError, match=r"ReportPageHook's seconds=.* must be a positive number"):
        ReportPageHook(seconds=seconds)
