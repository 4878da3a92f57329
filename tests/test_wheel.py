"""The wheel, installed in a clean environment outside the checkout, is the whole product.

PyTorch and OpenMMLab are lent by the environment that runs the tests: a path file adds its packages behind the wheel,
but not what is installed there as a link to the checkout.
"""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from mmengine.config import Config

from tests.configs.images import pictures, write
from tests.test_structure import ROOT

OWN_CONFIG = """
_base_ = ["cnxv2_mm::fcmae/folder.py"]
model = dict(backbone=dict(arch="atto"))
train_dataloader = dict(batch_size=4, num_workers=0, persistent_workers=False, dataset=dict(data_root="my_images"))
train_cfg = dict(max_epochs=1)
"""


class Installation:
    """A virtual environment and an empty folder to work in."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "venv"
        self.work = folder / "work"
        self.work.mkdir()
        venv.create(self.home, with_pip=True)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment in the empty folder; nothing of the checkout is on its path."""
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment |= {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        program = str(self.home / "bin" / command[0])
        return subprocess.run(
            [program, *command[1:]], cwd=self.work, env=environment, capture_output=True, text=True, check=False
        )

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        return self.run("python", "-c", code)

    def lend_packages(self) -> None:
        (target,) = self.home.glob("lib/python*/site-packages")
        (target / "lent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")


def succeed(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installation:
    """The wheel that the sdist gives, so that nothing is missing from the sdist either."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-c", f"import setuptools.build_meta as b; print(b.build_sdist('{folder}'))"]
    name = subprocess.run(build, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", *options, str(folder / name)], check=True)
    (wheel,) = folder.glob("*.whl")
    installation = Installation(folder)
    succeed(installation.run("python", "-m", "pip", "install", "-q", "--no-deps", "--no-index", str(wheel)))
    installation.without_libraries = installation.python("import cnxv2_mm")
    installation.lend_packages()
    return installation


def test_without_the_libraries_the_import_says_what_to_install(installed):
    result = installed.without_libraries
    assert result.returncode == 1
    *_, last = result.stderr.strip().splitlines()
    assert last.startswith(
        "ImportError: cnxv2_mm needs torch and mmengine and mmcv, which are not installed: pip install"
    )
    assert "During handling" not in result.stderr


def test_it_is_the_wheel_that_is_imported(installed):
    path = succeed(installed.python("import cnxv2_mm; print(cnxv2_mm.__path__[0])")).strip()
    assert Path(path).is_relative_to(installed.home)
    assert (Path(path) / "py.typed").is_file()


def test_the_command_says_what_it_can_do_and_which_version_it_is(installed):
    text = succeed(installed.run("cnxv2", "--help"))
    version = re.search(r'"(.*)"', (ROOT / "cnxv2_mm" / "version.py").read_text().splitlines()[-1])[1]
    assert succeed(installed.run("cnxv2", "--version")).strip() == f"cnxv2_mm {version}"
    for command in ("train", "test", "swap", "convert", "zoo", "flops", "benchmark"):
        assert f"\n  {command} " in text
    # The others run for real below.
    for command in ("test", "convert", "benchmark"):
        assert f"usage: cnxv2 {command} " in succeed(installed.run("cnxv2", command, "--help"))
    wrong = installed.run("cnxv2", "trian")
    assert wrong.returncode == 2
    assert "'trian' is unknown; did you mean 'train'?" in wrong.stderr


def test_a_published_detector_is_swapped_and_counted(installed):
    published = "mmdet::retinanet/retinanet_r50_fpn_1x_coco.py"
    text = succeed(installed.run("cnxv2", "swap", published, "--arch", "atto", "-o", "my_retinanet.py"))
    assert "Train it: cnxv2 train my_retinanet.py" in text
    assert Config.fromfile(installed.work / "my_retinanet.py").model.backbone.arch == "atto"
    assert "backbone" in succeed(installed.run("cnxv2", "flops", "my_retinanet.py", "--shape", "3", "256", "256"))


def test_the_zoo_is_listed(installed):
    assert "convnextv2_tiny_fcmae" in succeed(installed.run("cnxv2", "zoo", "list", "--size", "tiny"))


def test_a_config_of_ones_own_inherits_a_shipped_one_and_trains(installed):
    (installed.work / "my_pretraining.py").write_text(OWN_CONFIG)
    for i, (image, _, _) in enumerate(pictures(8)):
        write(installed.work / "my_images" / f"{i}.png", image)
    succeed(installed.run("cnxv2", "train", "my_pretraining.py"))
    assert (installed.work / "work_dirs/my_pretraining/epoch_1.pth").is_file()
    # mmengine reads it too, and finds shipped configs by name, once the package is imported.
    code = "import cnxv2_mm; from mmengine.hub import get_config; print(get_config('cnxv2_mm::fcmae/folder.py').model)"
    assert "cnxv2_mm.FCMAE" in succeed(installed.python(code))


def test_the_shipped_folders_are_whole(installed):
    (mim,) = installed.home.glob("lib/python*/site-packages/cnxv2_mm/.mim")
    for folder in ("configs", "tools"):
        kept = {
            path.relative_to(ROOT)
            for path in (ROOT / folder).rglob("*")
            if path.suffix in (".py", ".sh") and "__pycache__" not in path.parts
        }
        assert kept <= {path.relative_to(mim) for path in mim.rglob("*")}
    index = Config.fromfile(mim / "model-index.yml")
    assert all((mim / name).is_file() for name in index.Import)
