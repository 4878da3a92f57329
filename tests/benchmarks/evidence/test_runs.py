"""A run: its data are divided, its result is on disk, and it is not run again."""

import json
from dataclasses import replace

import pytest
import torch

from benchmarks.evidence import runs
from benchmarks.evidence.arms import ARMS, TRANSFERS
from benchmarks.evidence.runs import Data, execute, plan, weights_file
from tests.benchmarks.evidence.examples import TINY, digits, example_run


def test_nothing_is_trained_and_tested_on(tmp_path):
    run = example_run(tmp_path)
    data = Data.of(run)
    images, labels = digits()
    assert data.unlabelled.equal(images[:180])  # 200 without the held-out ones
    assert data.held_out[0].equal(images[180:200])
    assert data.neighbours[1].equal(labels[:40])
    assert data.test[0].equal(images[200:230])
    assert len(data.labelled[1]) == 40
    held_out = {bytes(image.numpy().tobytes()) for image in (*data.held_out[0], *data.test[0])}
    assert not any(image.numpy().tobytes() in held_out for image in data.labelled[0])
    assert not Data.of(replace(run, seed=1)).labelled[1].equal(data.labelled[1])
    assert Data.of(run).labelled[1].equal(data.labelled[1])


@pytest.mark.parametrize("name", ["v2", "v1-supervised"])
def test_a_result_is_written_once(tmp_path, name):
    run = example_run(tmp_path, name)
    assert run.finished() is None
    execute(run)
    result = run.finished()
    assert result is not None
    assert 0 <= result["finetuned"] <= 1
    assert list(result["distances"]) == ["0", "0.25", "0.5", "1"]
    assert all(len(layers) == 4 for layers in result["distances"].values())
    assert result["distance"] == pytest.approx(sum(result["distances"]["1"]) / 4)
    assert ("losses" in result) == weights_file(tmp_path, name, 0).is_file() == (name == "v2")
    assert replace(run, settings=replace(TINY, test=29)).finished() is None
    assert json.loads(run.result_file.read_text())["name"] == name


def test_a_supervised_run_tries_every_rate_and_keeps_the_best(tmp_path):
    settings = replace(TINY, finetune_rates=(0.0, 3e-3), supervised_steps=25)
    run = example_run(tmp_path, "v2-supervised", settings)
    execute(run)
    result = run.finished()
    assert result["finetune_rate"] == 3e-3  # nothing is learnt at the rate of 0
    assert result["distances"]["0"] != result["distances"]["1"]  # those of the rate that counts


def test_a_transfer_starts_from_the_weights_of_its_arm_and_seed(tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(runs, "write_config", lambda transfer, weights, seed, settings, path: seen.update(w=weights))
    monkeypatch.setattr(runs, "train_upernet", lambda config: 0.25)
    run = example_run(tmp_path, "upernet-v1-fcmae", seed=2)
    execute(run)
    assert seen["w"] == weights_file(tmp_path, "v1", 2)
    assert run.finished()["miou"] == 0.25
    execute(example_run(tmp_path, "upernet-v1-random"))
    assert seen["w"] is None


def test_the_plan_is_every_arm_with_every_seed(tmp_path):
    first, second = plan(TINY, tmp_path, tmp_path)
    assert len(first) == len(ARMS) * len(TINY.seeds)
    assert len(second) == len(TRANSFERS) * len(TINY.seeds)
    assert len({run.result_file for run in first + second}) == len(first + second)


def test_runs_can_be_sent_to_other_processes(tmp_path):
    import pickle

    run = example_run(tmp_path)
    assert pickle.loads(pickle.dumps(run)) == run
    assert torch.equal(Data.of(run).unlabelled, Data.of(pickle.loads(pickle.dumps(run))).unlabelled)
