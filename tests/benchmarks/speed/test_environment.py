"""Machine and versions, as a result names them."""

import platform
import subprocess
from importlib.metadata import version

import torch

from benchmarks.speed import environment
from benchmarks.speed.environment import RESULTS, describe_machine, describe_versions
from tests.test_structure import ROOT


def test_the_machine_is_this_one():
    machine = describe_machine(torch.device("cpu"))
    assert machine["threads"] == torch.get_num_threads()
    assert machine["cores"] >= 1
    assert machine["cpu"]
    assert (machine["gpu"], machine["cuda"]) == (None, None)
    assert platform.machine() in machine["system"]


def test_versions_are_those_installed():
    versions = describe_versions()
    assert versions["torch"] == version("torch")
    assert versions["timm"] == version("timm")
    assert versions["python"] == platform.python_version()


def test_what_is_not_installed_has_no_version(monkeypatch):
    monkeypatch.setattr(environment, "DISTRIBUTIONS", {"engine": ("no-such-distribution",)})
    assert describe_versions()["engine"] is None


def test_only_changes_of_code_make_a_commit_a_changed_one(tmp_path, monkeypatch):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        run = subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)
        return run.stdout.decode().strip()

    package, results = tmp_path / "cnxv2_mm", tmp_path / RESULTS[0]
    code = tmp_path / "benchmarks" / "speed" / "timing.py"
    for folder in (package, results):
        folder.mkdir(parents=True)
    for file in (package / "__init__.py", results / "x.json", code):
        file.write_text("1")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    monkeypatch.setattr(environment.cnxv2_mm, "__file__", str(package / "__init__.py"))
    commit = git("rev-parse", "--short", "HEAD")
    (results / "x.json").write_text("2")
    assert describe_versions()["commit"] == commit
    code.write_text("2")
    assert describe_versions()["commit"] == f"{commit} changed"


def test_results_are_where_the_exceptions_say():
    assert all(list(ROOT.glob(path)) for path in RESULTS)
