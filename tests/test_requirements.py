"""The lowest versions: what pyproject.toml allows is what `make test-lowest` installs."""

import sys
from importlib.metadata import version

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.version import Version

from tests.test_structure import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # which pytest asks for

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOWEST_PYTHON = "3.10"


def pinned(file: str, python: str = LOWEST_PYTHON) -> dict[str, str]:
    """Package -> version, as the file pins it for a Python, the lowest unless told otherwise."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
    requirements = [Requirement(line) for line in lines if line]
    environment = {**default_environment(), "python_version": python}
    wanted = [one for one in requirements if one.marker is None or one.marker.evaluate(environment)]
    assert all(len(one.specifier) == 1 and str(one.specifier).startswith("==") for one in wanted), file
    return {one.name: str(one.specifier).removeprefix("==") for one in wanted}


LOWEST = pinned("requirements/lowest.txt")
REQUIREMENTS = [Requirement(line) for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["onedl"]]
BOUNDED = [one for one in REQUIREMENTS if one.specifier]


@pytest.mark.parametrize("dependency", BOUNDED, ids=lambda one: one.name)
def test_the_lowest_version_that_is_allowed_is_the_one_that_is_tested(dependency):
    bounds = {one.operator: one.version for one in dependency.specifier}
    assert Version(bounds[">="]) == Version(LOWEST[dependency.name])


def test_the_lowest_python_is_the_one_that_is_tested():
    assert PROJECT["requires-python"] == f">={LOWEST_PYTHON}"
    assert f"{LOWEST_PYTHON}.*/bin/python{LOWEST_PYTHON}) python{LOWEST_PYTHON}" in (ROOT / "Makefile").read_text()


def test_all_else_is_as_in_the_tested_set():
    tested = pinned("requirements.txt")
    differ = {name for name, number in LOWEST.items() if tested.get(name) != number}
    assert differ == {"torch", "torchvision"}
    not_run = {"codespell", "mypy", "ruff", "twine"}
    of_export = {"onnx", "onnxscript", "onnxruntime", "openvino"}  # `make test-lowest` leaves its tests out
    assert tested.keys() - LOWEST.keys() == not_run | of_export


def test_what_a_gpu_machine_gets_is_as_in_the_tested_set():
    tested = pinned("requirements.txt", "3.12")
    travels = pinned("requirements/gpu.txt", "3.12") | pinned("requirements/gpu-compiled.txt", "3.12")
    shared = travels.keys() & tested.keys()
    assert len(shared) >= 7
    # The torch that is there decides which torchvision; numpy, too, is the machine's.
    assert {name for name in shared if travels[name] != tested[name]} == {"torchvision"}
    assert not travels.keys() & {"torch", "numpy", "triton"}


def test_what_is_installed_is_allowed():
    for dependency in map(Requirement, PROJECT["dependencies"]):
        assert dependency.specifier.contains(version(dependency.name), prereleases=True), dependency.name
