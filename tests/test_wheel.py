"""The wheel, installed in a clean environment outside the checkout, is the whole product.

PyTorch and OpenMMLab are lent by the environment that runs the tests: a path file adds its packages behind the wheel,
but not what is installed there as a link to the checkout.
"""

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from cnxv2_mm.__main__ import COMMANDS as COMMAND_NAMES
from cnxv2_mm.version import __version__
from tests.configs.images import pictures, write, write_coco
from tests.test_structure import ROOT

README = (ROOT / "README.md").read_text()
PRETRAIN = (ROOT / "docs" / "pretrain.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README + PRETRAIN, flags=re.DOTALL)
COMMANDS = re.findall(r"^cnxv2 (\w+ .*)", README, flags=re.MULTILINE)
STORY = ("pretrain", "finetune", "predict", "embed")
# What makes a few seconds of a user's training.
SHORT = (
    "--cfg-options train_cfg.max_epochs=1 train_dataloader.batch_size=4 train_dataloader.num_workers=0 "
    "train_dataloader.persistent_workers=False"
)


def block(start: str) -> str:
    """The block of Python that starts so, of the README or of docs/pretrain.md."""
    (found,) = [text for text in BLOCKS if text.startswith(start)]
    return found


class Installation:
    """A virtual environment and an empty folder to work in."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "venv"
        self.work = folder / "work"
        self.work.mkdir()
        venv.create(self.home)

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

    def install(self, wheel: Path) -> None:
        """Let the pip that runs here install a file, and nothing from the network."""
        pip = [sys.executable, "-m", "pip", "--python", str(self.home / "bin" / "python"), "install", "-q"]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], env=environment, check=True)

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
    installation.install(wheel)
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


SWAPS = [command for command in COMMANDS if command.startswith("swap ")]
# Commands as if they were typed, in one process, since importing PyTorch is what takes the time. The others run below.
SHORT_COMMANDS = f"""
import sys
from cnxv2_mm.__main__ import main
print(sys.modules["cnxv2_mm"].__path__[0])
for words in (
    "", "--version", "trian", "test --help", "convert --help", "analyze --help", "zoo list --size tiny",
    "flops cnxv2_mm::imagenet/convnextv2-atto_32xb32-600e_in1k.py", *{SWAPS},
):
    sys.argv = ["cnxv2", *words.split()]
    try:
        main()
    except SystemExit as stop:
        print("status", stop.code)
"""


def test_the_command_says_what_it_can_do_and_does_it(installed):
    result = installed.python(SHORT_COMMANDS + block("import torch"))
    answers = re.split(r"status \d\n", succeed(result))
    path, _, alone = answers[0].partition("\n")
    assert Path(path).is_relative_to(installed.home)  # the wheel, not the checkout
    assert (Path(path) / "py.typed").is_file()
    for command in COMMAND_NAMES:
        assert f"\n  {command} " in alone
    assert answers[1] == f"cnxv2_mm {__version__}\n"
    assert "'trian' is unknown; did you mean 'train'?" in result.stderr
    for command, answer in zip(("test", "convert", "analyze"), answers[3:6], strict=True):
        assert answer.startswith(f"usage: cnxv2 {command} ")
    assert "convnextv2_tiny_fcmae" in answers[6]
    assert re.search(r"^total +3,708,400 ", answers[7], flags=re.MULTILINE)  # as timm.create_model has it
    assert len(SWAPS) == 2
    for command, answer in zip(SWAPS, answers[8:10], strict=True):  # published detectors
        new = re.search(r"-o (\S+)", command)[1]
        assert f"Train it: cnxv2 train {new}" in " ".join(answer.split())
        assert Config.fromfile(installed.work / new).model.backbone.type == "cnxv2_mm.ConvNeXtV2"
    code = block("import torch")
    assert answers[10].strip() == code.rpartition("  # ")[2].strip()
    assert re.findall(r"status (\d)", result.stdout) == ["0", "0", "2", "0", "0", "0", "0", "0", "0", "0"]


@pytest.fixture(scope="module")
def own_config(installed) -> str:
    """A user's config, in a folder with a user's images."""
    (installed.work / "my_pretraining.py").write_text(block("# my_pretraining.py"))
    for i, (image, _, _) in enumerate(pictures(8)):
        write(installed.work / "my_images" / f"{i}.png", image)
    return "my_pretraining.py"


def test_a_config_of_ones_own_inherits_a_shipped_one_and_trains(installed, own_config):
    succeed(installed.run("cnxv2", "train", own_config, *SHORT.split()))
    assert (installed.work / "work_dirs/my_pretraining/epoch_1.pth").is_file()


def test_from_a_folder_of_images_to_a_detector(installed):
    """The README's commands, shortened: photographs without labels, and some with COCO's."""
    for i, (image, _, _) in enumerate(pictures(12)):
        write(installed.work / "photos" / f"{i}.png", image)
        write(installed.work / "new_photos" / f"{i}.png", image)
    write_coco(installed.work / "labelled")
    commands = {name: re.search(rf"^cnxv2 ({name} .*?)(?:  #.*)?$", README, flags=re.MULTILINE)[1] for name in STORY}
    assert commands["finetune"].startswith("finetune detect labelled --from encoder")
    commands["pretrain"] = re.sub(r"--arch \S+ --time \S+", "--arch atto --size 64 --epochs 1", commands["pretrain"])
    commands["finetune"] += " --epochs 1"
    printed = {name: succeed(installed.run("cnxv2", *words.split())) for name, words in commands.items()}
    assert "The encoder is encoder/encoder.safetensors" in " ".join(printed["pretrain"].split())
    for folder, result in (("encoder", "encoder.safetensors"), ("detector", "model.pth")):
        for name in ("config.py", "report.html", "README.md", "settings.json", result):
            assert (installed.work / folder / name).is_file(), name
    found = json.loads((installed.work / "predictions" / "predictions.json").read_text())
    assert len(found["images"]) == 12
    assert np.load(installed.work / "features.npy").shape == (12, 320)


def test_torchrun_starts_the_same_command(installed, own_config):
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "1", "-m", "cnxv2_mm"]
    options = ["--launcher", "pytorch", "--work-dir", "second", *SHORT.split()]
    succeed(installed.run("python", *launch, "train", own_config, *options))
    assert (installed.work / "second/epoch_1.pth").is_file()


# Once the package is imported, mmengine itself finds its configs by name, with no warning and no mark of a library.
STOCK_MMENGINE = """
import warnings
import cnxv2_mm
from mmengine.config import Config
from mmengine.hub import get_config

warnings.filterwarnings("error", message="There is not `Config` define", append=True)
own, shipped = Config.fromfile("my_pretraining.py"), get_config("cnxv2_mm::fcmae/folder.py")
assert own.model == dict(shipped.model, backbone=own.model.backbone)  # no mark of a library, which _scope_ would be
"""


def test_mmengine_finds_the_configs(installed, own_config):
    succeed(installed.python(STOCK_MMENGINE))


def test_the_shipped_folders_are_whole(installed):
    (mim,) = installed.home.glob("lib/python*/site-packages/cnxv2_mm/.mim")
    for folder in ("configs", "tools"):
        kept = {
            path.relative_to(ROOT)
            for path in (ROOT / folder).rglob("*")
            if path.suffix in (".py", ".sh") and "__pycache__" not in path.parts
        }
        kept.discard(Path("tools/model_index.py"))  # it writes the files of the repository
        shipped = {path.relative_to(mim) for path in (mim / folder).rglob("*") if path.suffix in (".py", ".sh")}
        assert shipped == kept
    index = Config.fromfile(mim / "model-index.yml")
    assert all((mim / name).is_file() for name in index.Import)
