"""The two commands as functions, and the toy config that they run."""

import importlib.util
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"

CONFIG = """
custom_imports = dict(imports=["tests.tools.toy_digits"])
default_scope = "mmengine"
model = dict(type="DigitClassifier")
train_dataloader = dict(
    batch_size=8, num_workers=0, dataset=dict(type="DigitScans"),
    sampler=dict(type="InfiniteSampler", shuffle=True), collate_fn=dict(type="default_collate"))
val_dataloader = dict(
    batch_size=8, num_workers=0, dataset=dict(type="DigitScans"),
    sampler=dict(type="DefaultSampler", shuffle=False), collate_fn=dict(type="default_collate"))
test_dataloader = val_dataloader
val_evaluator = dict(type="DigitAccuracy")
test_evaluator = val_evaluator
train_cfg = dict(by_epoch=False, max_iters=4, val_interval=4)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=1e-3, weight_decay=0.05))
default_hooks = dict(
    logger=dict(type="LoggerHook", interval=1),
    checkpoint=dict(type="CheckpointHook", by_epoch=False, interval=2))
randomness = dict(seed=0)
"""


def load_tool(name):
    spec = importlib.util.spec_from_file_location(f"tools.{name}", TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def run_training():
    return load_tool("train").main


@pytest.fixture(scope="session")
def run_test():
    return load_tool("test").main


@pytest.fixture
def config(tmp_path):
    """A config file; its runs write into a folder next to it, so that every run has a name of its own."""
    file = tmp_path / "toy.py"
    file.write_text(CONFIG)
    return file
