"""The command, on files that timm, transformers, mmpretrain and mmengine saved themselves: bit for bit, both ways."""

import subprocess
import sys

import pytest
import torch
from mmengine.runner import save_checkpoint
from safetensors.torch import load_file

from tests.checkpoints.peers import BUILDERS, build, in_dialect, random_decoder, random_network
from tests.tools.conftest import TOOLS, load_tool

tool = load_tool("convert_checkpoint")


def save_timm(model, folder):
    from timm.models import save_for_hf

    save_for_hf(model, folder, safe_serialization=True)
    return folder / "model.safetensors"


def save_timm_training(model, folder):
    from timm.utils import CheckpointSaver

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    saver = CheckpointSaver(model, optimizer, checkpoint_dir=str(folder))
    saver.save_checkpoint(0, metric=0.5)
    return folder / "last.pth.tar"


def save_transformers(model, folder):
    model.save_pretrained(folder)
    return folder / "model.safetensors"


def save_mmpretrain(model, folder):
    save_checkpoint({"state_dict": model.state_dict(), "meta": {"epoch": 1}}, str(folder / "epoch_1.pth"))
    return folder / "epoch_1.pth"


SAVERS = {
    "timm": ("timm", save_timm),
    "timm's training": ("timm", save_timm_training),
    "transformers": ("huggingface", save_transformers),
    "mmpretrain": ("mmpretrain", save_mmpretrain),
}
SAVERS = {saver: (dialect, save) for saver, (dialect, save) in SAVERS.items() if dialect in BUILDERS}


def tensors_of(path):
    if path.suffix == ".safetensors":
        return load_file(path)
    content = torch.load(path, weights_only=True)
    return content.get("state_dict", content.get("model", content))


@pytest.mark.parametrize("v1", [False, True], ids=["v2", "v1"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("saver", SAVERS)
def test_what_a_library_saved_comes_back_bit_for_bit(saver, suffix, v1, tmp_path):
    dialect, save = SAVERS[saver]
    model = build(dialect, "tiny" if v1 else "atto", v1)
    original = save(model, tmp_path)
    tool.main([str(original), str(tmp_path / f"ours{suffix}"), "--to", "ours"])
    tool.main([str(tmp_path / f"ours{suffix}"), str(tmp_path / f"back{suffix}"), "--to", dialect])
    before, after = tensors_of(original), tensors_of(tmp_path / f"back{suffix}")
    assert before.keys() == after.keys() == model.state_dict().keys()
    for name, tensor in before.items():
        assert after[name].dtype == tensor.dtype
        assert torch.equal(after[name].view(torch.uint8), tensor.view(torch.uint8)), name


def test_the_report_accounts_for_what_was_used_dropped_and_missing(tmp_path, capsys):
    network = {n: t for n, t in random_network().items() if not n.startswith("head.")} | random_decoder()
    others = {"neck.conv.weight": torch.ones(1)}
    torch.save({"state_dict": network | others}, tmp_path / "epoch_1.pth")
    tool.main([str(tmp_path / "epoch_1.pth"), str(tmp_path / "new.pth"), "--to", "timm"])
    text = " ".join(capsys.readouterr().out.split())
    decoder = len(random_decoder())
    assert "[state_dict]: ours, depths (1, 1, 2, 1), channels (8, 16, 24, 32), 3 input channels, GRN" in text
    assert f"{len(network) - decoder} │ written to" in text
    assert f"{decoder} │ dropped: timm checkpoints hold no decoder" in text
    assert "1 │ dropped: outside the network 'backbone.'" in text
    assert "missing: SRC has no classifier" in text


def test_brackets_in_names_are_no_markup(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run[" / "bold]").mkdir(parents=True)
    torch.save({"[red]": random_network() | {"neck[/bold].weight": torch.ones(1)}}, "run[/bold]/in.pth")
    tool.main(["run[/bold]/in.pth", "run[/bold]/out.pth", "--to", "ours", "--entry", "[red]"])
    text = capsys.readouterr().out
    assert "run[/bold]/in.pth [[red]]: ours" in text
    assert "written to run[/bold]/out.pth as ours" in text
    assert "neck[/bold].weight" in text


def test_an_error_is_one_line_without_a_traceback(tmp_path):
    command = [sys.executable, str(TOOLS / "convert_checkpoint.py"), "nowhere.pth", str(tmp_path / "new.pth")]
    result = subprocess.run([*command, "--to", "timm"], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.strip().splitlines()[-2].startswith("convert_checkpoint: checkpoint='nowhere.pth' does not")
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_options_reach_the_conversion(tmp_path):
    teacher = {f"teacher.{n}": t for n, t in in_dialect(random_network(), "ours").items()}
    student = {f"student.{n}": t for n, t in in_dialect(random_network(), "ours").items()}
    torch.save({"weights": teacher | student}, tmp_path / "both.pth")
    with pytest.raises(ValueError, match=r"holds no tensors"):
        tool.main([str(tmp_path / "both.pth"), str(tmp_path / "new.pth"), "--to", "ours"])
    with pytest.raises(ValueError, match="holds 2 networks"):
        tool.main([str(tmp_path / "both.pth"), str(tmp_path / "new.pth"), "--to", "ours", "--entry", "weights"])
    options = ["--to", "ours", "--entry", "weights", "--prefix", "teacher."]
    tool.main([str(tmp_path / "both.pth"), str(tmp_path / "new.pth"), *options])
    written = tensors_of(tmp_path / "new.pth")
    assert torch.equal(written["head.fc.weight"], teacher["teacher.head.fc.weight"])
    torch.save({"model": in_dialect(random_network(), "ours"), "class": torch.nn.Identity()}, tmp_path / "module.pth")
    with pytest.raises(ValueError, match="--trust-pickle"):
        tool.main([str(tmp_path / "module.pth"), str(tmp_path / "other.pth"), "--to", "ours"])
    options = ["--to", "ours", "--trust-pickle"]
    with pytest.raises(FileExistsError, match="--overwrite"):
        tool.main([str(tmp_path / "module.pth"), str(tmp_path / "new.pth"), *options])
    tool.main([str(tmp_path / "module.pth"), str(tmp_path / "new.pth"), *options, "--overwrite"])
