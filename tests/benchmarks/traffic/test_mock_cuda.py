"""Python takes the mock for a GPU; what is missing is said in a line."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks.traffic import mock_cuda
from tests.benchmarks.traffic.examples import with_mock

SEE = """
import json, torch
from torch._subclasses.fake_tensor import FakeTensorMode
from benchmarks.traffic import fake_step, mock_cuda
print(json.dumps([torch.cuda.is_available(), torch.cuda.get_device_capability(), mock_cuda.is_there()]))
"""


def test_python_takes_the_mock_for_a_gpu():
    assert with_mock(SEE) == [True, [9, 0], True]
    assert not mock_cuda.is_there()


def test_it_is_built_once(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = mock_cuda.build()
    assert tmp_path in folder.parents
    built = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert set(built) == {"libruntime.so", "libcuda.so.1"}
    assert mock_cuda.build() == folder
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == built


def test_a_torch_without_cuda(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(ImportError, match="was built without CUDA; install a CUDA build"):
        mock_cuda.environment()


def test_a_machine_without_a_compiler(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ImportError, match="gcc and nm not found; install them"):
        mock_cuda.environment()


def test_another_system(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(ImportError, match="works on Linux only, not on darwin"):
        mock_cuda.environment()


def test_torch_without_its_wheels_of_cuda(monkeypatch, tmp_path):
    monkeypatch.setattr(torch, "__file__", str(tmp_path / "torch" / "__init__.py"))
    with pytest.raises(ImportError, match="CUDA's headers are not in"):
        mock_cuda.environment()


def test_the_headers_are_those_of_torch():
    version = next(
        line
        for line in Path(next(mock_cuda.find_headers()), "cuda_runtime_api.h").read_text().splitlines()
        if line.startswith("#define CUDART_VERSION")
    ).split()[-1]
    major, minor = (int(part) for part in str(torch.version.cuda).split(".")[:2])
    assert int(version) // 10 == major * 100 + minor, json.dumps([version, torch.version.cuda])
