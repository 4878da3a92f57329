"""What ran the measurements."""

import json
from types import SimpleNamespace

import pytest
import torch

from benchmarks.gpu import environment


def test_on_a_cpu_it_is_the_processor(capsys):
    assert environment.main(["--device", "cpu"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["card"] == printed["machine"]["cpu"]
    assert printed["versions"]["torch"] == torch.__version__.partition("+")[0]


def test_a_card_is_described(monkeypatch):
    card = SimpleNamespace(name="NVIDIA X", major=9, minor=0, total_memory=80 * 2**30, multi_processor_count=132)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: card.name)
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91900)
    found = environment.describe("cuda")
    assert (found["card"], found["capability"], found["memory_gib"]) == ("NVIDIA X", "9.0", 80.0)
    assert found["machine"]["gpu"] == "NVIDIA X"


def test_no_gpu_is_said_in_a_line(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="PyTorch sees no GPU here; check the driver"):
        environment.main(["--device", "cuda"])


def test_a_driver_that_cannot_be_asked_is_none(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert environment._driver() is None
