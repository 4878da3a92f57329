import os
import platform
from pathlib import Path

import torch

from cnxv2_mm import machine
from cnxv2_mm.machine import this_machine, usable_cores


def test_it_says_what_the_system_says():
    here = this_machine()
    assert here.cores == usable_cores() == len(os.sched_getaffinity(0))
    # free and /proc/meminfo count in KiB
    total = next(int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines() if "MemTotal" in line)
    assert 0 < here.memory <= total * 1024
    assert len(here.gpus) == torch.cuda.device_count()
    assert f"{here.cores} core" in str(here)


def test_the_limit_of_a_container_counts(monkeypatch, tmp_path):
    (tmp_path / "memory.max").write_text("1073741824\n")
    monkeypatch.setattr(machine, "_LIMITS", (tmp_path / "memory.max",))
    assert this_machine().memory == 2**30
    (tmp_path / "memory.max").write_text("max\n")
    assert this_machine().memory > 2**30


def test_the_processor_has_a_name_everywhere(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_CPU_INFO", tmp_path / "none")
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert machine.processor_name() == "unknown"
    (tmp_path / "cpuinfo").write_text("processor : 0\nmodel name : A: B\n")
    monkeypatch.setattr(machine, "_CPU_INFO", tmp_path / "cpuinfo")
    assert machine.processor_name() == "A: B"


def test_gpus_are_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "Card")
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda number: type("Card", (), {"total_memory": 80 * 2**30})
    )
    assert str(this_machine()).endswith(", 2 x Card of 80 GiB")
