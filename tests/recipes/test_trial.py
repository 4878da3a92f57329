import logging
from dataclasses import replace

import pytest
import torch
from mmengine.config import Config

from cnxv2_mm.fcmae import FCMAE
from cnxv2_mm.machine import usable_cores
from cnxv2_mm.recipes import trial
from cnxv2_mm.recipes.quiet_import import import_quietly
from cnxv2_mm.recipes.trial import Trial, choose_workers, largest_batch, try_batch
from cnxv2_mm.training.mixed_precision import Float32OutputHook
from tests.tools.toy_folder import write_config, write_folder


@pytest.fixture
def config(tmp_path):
    import_quietly("mmpretrain.datasets")  # which prints something the first time
    return Config.fromfile(write_config(tmp_path, write_folder(tmp_path / "images")))


def test_real_steps_are_made_and_leave_nothing_behind(config, monkeypatch, capfd):
    sizes = []
    loss = FCMAE.loss
    monkeypatch.setattr(
        FCMAE, "loss", lambda self, images, *args: sizes.append(len(images)) or loss(self, images, *args)
    )
    before, text = torch.get_rng_state(), config.pretty_text
    tried = try_batch(config, 8)
    assert sizes == [8, 4, 8]  # of 12 images, again and again
    assert tried.batch_size == 8
    assert tried.step_seconds > 0
    assert tried.loading_seconds > 0
    assert tried.memory >= 0
    assert torch.equal(torch.get_rng_state(), before)
    assert config.pretty_text == text
    assert capfd.readouterr().out == ""
    assert not logging.root.manager.disable


def test_a_batch_that_does_not_fit_is_none(config, monkeypatch):
    def fail(self, images, *args):
        if len(images) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return {"loss": images.float().mean() * 0 + next(self.parameters()).sum()}

    monkeypatch.setattr(FCMAE, "loss", fail)
    assert try_batch(config, 8) is None
    assert largest_batch(config, [2, 4, 8]).batch_size == 4
    with pytest.raises(ValueError, match=r"a batch of 8 does not fit into the memory of .*: choose a smaller --arch"):
        largest_batch(config, [8, 16])


def test_on_a_cpu_memory_is_not_filled(config, monkeypatch):
    gibibyte = 2**30
    monkeypatch.setattr(trial, "try_batch", lambda config, size: Trial(size, 1.0, 1.0, size * gibibyte))
    monkeypatch.setattr(trial, "this_machine", lambda: type("Machine", (), {"memory": 16 * gibibyte}))
    assert largest_batch(config, [1, 2, 4, 8, 16]).batch_size == 8  # 8 GiB; 16 would be more than 60 %


def test_how_long_a_step_will_take(monkeypatch):
    tried = Trial(batch_size=8, step_seconds=1.0, loading_seconds=3.0, memory=0)
    monkeypatch.setattr(trial, "get_device", lambda: "cuda")
    assert tried.seconds_per_step(0) == 4.0
    assert tried.seconds_per_step(2) == 1.5
    assert tried.seconds_per_step(6) == 1.0
    monkeypatch.setattr(trial, "get_device", lambda: "cpu")
    assert tried.seconds_per_step(0) == 4.0
    assert tried.seconds_per_step(1) == 1.0 + 3.0 / usable_cores()


def test_workers_keep_the_device_busy(monkeypatch):
    monkeypatch.setattr(trial, "usable_cores", lambda: 32)
    tried = Trial(batch_size=4, step_seconds=1.0, loading_seconds=2.0, memory=0)
    assert choose_workers(tried) == 3  # half as many again as the two that are needed
    assert choose_workers(replace(tried, loading_seconds=0.01)) == 1
    assert choose_workers(replace(tried, loading_seconds=100.0)) == 16
    monkeypatch.setattr(trial, "usable_cores", lambda: 2)
    assert choose_workers(tried) == 1
    monkeypatch.setattr(trial, "usable_cores", lambda: 1)
    assert choose_workers(tried) == 0


def test_what_stays_in_float32_does_so_in_the_trial_too(config, monkeypatch):
    config.optim_wrapper.type = "cnxv2_mm.CpuAmpOptimWrapper"  # bfloat16, as a GPU would compute
    config.custom_hooks = [{"type": "cnxv2_mm.Float32OutputHook", "part": "decoder.proj"}]
    handles = []
    convert = Float32OutputHook.convert

    def watched(self, model):
        handle = convert(self, model)
        part = dict(model.named_modules())[self.part]
        part.register_forward_hook(lambda module, inputs, output: handles.append(output.dtype))
        return handle

    monkeypatch.setattr(Float32OutputHook, "convert", watched)
    assert try_batch(config, 4) is not None
    assert set(handles) == {torch.float32}
