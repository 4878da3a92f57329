"""The command, in processes of its own: killed and resumed, in a folder that cannot be written, and wrong use."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from tests.images.test_survey import write_images
from tests.test_structure import ROOT
from tests.tools.conftest import TOOLS
from tools import pretrain

OPTIONS = ["--arch", "atto", "--size", "64", "--epochs", "16"]


def start(folder, *arguments):
    command = [sys.executable, str(TOOLS / "pretrain.py"), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(tmp_path):
    images = write_images(tmp_path / "images", 10)
    last = tmp_path / "killed" / "run" / "last_checkpoint"
    with start(tmp_path, images, "--out", "killed", *OPTIONS) as process:
        while not (
            last.is_file() and last.read_text().endswith(("_3.pth", "_4.pth", "_5.pth", "_6.pth", "_7.pth", "_8.pth"))
        ):
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)  # with its data workers
    assert not (tmp_path / "killed" / "encoder.safetensors").exists()
    with start(tmp_path, images, "--out", "killed", "--resume", *OPTIONS) as process:
        shown = process.communicate()[0]
    assert process.returncode == 0, shown
    assert "going on behind step " in shown
    whole = pretrain.main([str(images), "--out", str(tmp_path / "whole"), *OPTIONS])
    resumed, expected = load_file(tmp_path / "killed" / "encoder.safetensors"), load_file(whole.encoder)
    assert resumed.keys() == expected.keys()
    assert all(torch.equal(resumed[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["absent"], "the folder of images '{}/absent' does not exist"),
        (["file.png"], "'{}/file.png' is a file: give the folder that holds the images."),
        (["empty"], "no image was found in {}/empty"),
        (["one"], "{}/one has one image, 00.png: a training needs at least two."),
        (["few", "--arch", "big"], "big"),
        (["few", "--time", "soon"], "'soon' cannot be read: write it as 45s, 30m, 2h"),
        (["few", "--resume"], "holds no run to resume"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(tmp_path, monkeypatch, arguments, text):
    write_images(tmp_path / "one", 1)
    write_images(tmp_path / "few", 3)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.png").write_bytes((tmp_path / "one" / "00.png").read_bytes())
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, OSError)) as error:
        pretrain.main([*arguments, "--out", "run"])
    assert text.format(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_a_place_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    images = write_images(tmp_path / "images", 3)
    with pytest.raises(NotADirectoryError, match=r"^--out '.*run': .*00\.png is a file, choose another --out\.$"):
        pretrain.main([str(images), "--out", str(images / "00.png" / "run"), *OPTIONS])
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as of a disk that is read only; tests may be root
    with pytest.raises(PermissionError, match=r"^--out '.*run': .* is not writable, choose another --out\.$"):
        pretrain.main([str(images), "--out", str(tmp_path / "run"), *OPTIONS])
    assert not (tmp_path / "run").exists()


def test_an_error_of_the_command_is_printed_without_a_traceback(tmp_path):
    with start(tmp_path, "absent", *OPTIONS) as process:
        shown = process.communicate()[0]
    assert process.returncode == 1
    assert shown.splitlines()[0].startswith("pretrain: the folder of images ")
    assert "Traceback" not in shown
