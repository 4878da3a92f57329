"""What the compiler generates, on the CPU, in the mode for few launches: masks, stochastic depth and their gradients.

On a CPU this mode has no CUDA graphs.
"""

import copy
from types import SimpleNamespace

import pytest
import torch

from cnxv2_mm import FCMAE, ConvNeXtV2
from cnxv2_mm.layers import DropPath
from cnxv2_mm.layouts import Dense
from cnxv2_mm.masking import random_visible
from cnxv2_mm.training.compiling import CompileHook
from tests.conftest import photographs, relative_error, wake_grn

ARCH = {"depths": (1, 1, 1, 1), "channels": (4, 4, 8, 8)}
MODE = {"mode": "reduce-overhead"}


@pytest.fixture
def models():
    """The same pre-training twice, with stochastic depth in three of four blocks; the second one is not compiled."""
    torch.compiler.reset()
    model = wake_grn(FCMAE(ConvNeXtV2(ARCH, out_indices=(), drop_path_rate=0.5), {"width": 8}))
    return model, copy.deepcopy(model)


def steps(model, hook=None, count=4):
    """Losses and gradients of some steps with the same images and weights."""
    torch.manual_seed(0)
    images = photographs(4, size=(96, 96))
    for _ in range(count):
        if hook is not None:
            hook.before_train_iter(None, 0)
        model.zero_grad()
        loss = model(images, mode="loss")["loss"]
        loss.backward()
        yield loss.item(), {name: p.grad.clone() for name, p in model.named_parameters()}


def test_compiled_blocks_have_masks_and_stochastic_depth_of_a_plain_run(models):
    """Both are drawn outside of what is compiled, so that the same seed gives the same steps."""
    model, plain = models
    hook, runner = CompileHook("blocks", **MODE), SimpleNamespace(model=model)
    hook.before_train(runner)
    ours, expected = list(steps(model, hook)), list(steps(plain))
    hook.after_train(runner)
    assert len({loss for loss, _ in expected}) == 4
    for (loss, gradients), (plain_loss, plain_gradients) in zip(ours, expected, strict=True):
        assert loss == pytest.approx(plain_loss, rel=1e-5)
        for name, gradient in plain_gradients.items():
            assert relative_error(gradients[name], gradient) < 1e-4, name


def test_compiled_stochastic_depth_drops_whole_images_anew_in_each_step():
    torch.compiler.reset()
    block, layout = DropPath(0.25).train(), Dense(2000, (1, 1))
    drop = torch.compile(lambda x: x * block(x, layout), **MODE)
    x = torch.ones(2000, 1, 1, 4)
    torch.manual_seed(0)
    draws = [drop(x).clone() for _ in range(3)]
    for y in draws:
        assert y.unique().tolist() == pytest.approx([0, 4 / 3])
        assert torch.equal(y, y[..., :1].expand_as(y))
        assert abs(y.eq(0).float().mean() - 0.25) < 5 * (0.25 * 0.75 / 2000) ** 0.5
    assert not torch.equal(draws[0], draws[1])
    torch.manual_seed(0)
    assert torch.equal(drop(x), draws[0])


def test_compiled_masks_show_the_right_number_of_patches():
    torch.compiler.reset()
    draw = torch.compile(lambda: random_visible(64, (7, 7), 19), **MODE)
    masks = [draw().clone() for _ in range(3)]
    for visible in masks:
        assert visible.flatten(1).sum(dim=1).eq(19).all()
        assert len({tuple(row.tolist()) for row in visible.flatten(1)}) == 64
    assert not torch.equal(masks[0], masks[1])
    # Each patch is visible in 19 of 49 masks: 5 standard deviations of a mean over 192.
    share = torch.stack(masks).float().mean(dim=(0, 1))
    assert (share - 19 / 49).abs().max() < 5 * (19 / 49 * 30 / 49 / 192) ** 0.5
