"""Metadata as the library safetensors writes them."""

import pytest
import torch
from safetensors.torch import save_file

from cnxv2_mm.checkpoints.metadata import read_metadata, stated_statistics
from cnxv2_mm.checkpoints.target import write_tensors


def test_reads_what_safetensors_writes_and_nothing_from_other_files(tmp_path):
    save_file({"a": torch.ones(1)}, tmp_path / "a.safetensors", metadata={"mean": "[1, 2]", "std": "[0.5, 4]"})
    stated = read_metadata(tmp_path / "a.safetensors")
    assert stated_statistics(stated) == ((1.0, 2.0), (0.5, 4.0))
    (tmp_path / "broken.safetensors").write_bytes(b"broken")
    torch.save({}, tmp_path / "a.pth")
    for name in ("broken.safetensors", "a.pth", "absent.safetensors"):
        assert read_metadata(tmp_path / name) == {}


def test_what_write_tensors_is_told_is_in_the_file(tmp_path):
    write_tensors({"a": torch.ones(1)}, tmp_path / "a.safetensors", metadata={"arch": "atto"})
    assert read_metadata(tmp_path / "a.safetensors") == {"format": "pt", "arch": "atto"}


def test_other_files_state_nothing():
    assert stated_statistics({"format": "pt", "mean": "[1]"}) is None


@pytest.mark.parametrize(("mean", "std"), [("[1, 2]", "[1]"), ("[1]", "[0]"), ("[]", "[]"), ("x", "[1]"), ("1", "2")])
def test_statistics_that_make_no_sense_are_refused(mean, std):
    with pytest.raises(ValueError, match="mean"):
        stated_statistics({"mean": mean, "std": std})
