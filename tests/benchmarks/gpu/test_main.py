"""The command: its folder, its summary, its exit status."""

import json
import sys

import pytest

from benchmarks.gpu import __main__ as command
from benchmarks.gpu.running import FAILED, NEEDS_GPU, PASSED, TIMED_OUT, Step

ENVIRONMENT = "print('a warning {of a library}'); print('{\\n \"card\": \"NVIDIA H100 80GB HBM3\"\\n}'); print('bye')"


def python(name: str, code: str, limit: float = 60, needs_gpu: bool = False) -> Step:
    return Step(name, f"runs {name}", (sys.executable, "-c", code), limit, needs_gpu)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the command with other steps, and returns its exit status and the outcomes of its summary by step."""

    def run(*steps: Step, arguments: tuple[str, ...] = ("--device", "cpu", "--quick"), environment: str = ENVIRONMENT):
        argv = [*arguments, "--out", str(tmp_path)]
        args = command.parse_args(argv)
        monkeypatch.setattr(command, "parse_args", lambda _: args)
        monkeypatch.setattr(command, "environment_step", lambda device: python("environment", environment))
        monkeypatch.setattr(command, "list_steps", lambda device, quick, folder: list(steps))
        status = command.main(argv)
        summary = tmp_path / "nvidia-h100-80gb-hbm3" / "summary.json"
        if not summary.exists():
            return status, {}
        return status, {one["step"]: one["outcome"] for one in json.loads(summary.read_text())}

    return run


def test_the_others_go_on_when_one_fails(run, tmp_path, capsys):
    status, outcomes = run(
        python("bad", "print('why'); exit(1)"),
        python("slow", "import time; time.sleep(1000)", limit=0.5),
        python("good", "print('done')"),
        python("gpu", "1 / 0", needs_gpu=True),
    )
    assert status == 1
    expected = {"environment": PASSED, "bad": FAILED, "slow": TIMED_OUT, "good": PASSED, "gpu": NEEDS_GPU}
    assert outcomes == expected
    folder = tmp_path / "nvidia-h100-80gb-hbm3"
    assert {path.name for path in folder.glob("*.log")} == {f"{name}.log" for name in expected if name != "gpu"}
    assert (folder / "good.log").read_text() == "done\n"
    lines = (folder / "summary.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == list(expected)
    assert lines[1].endswith("failed       runs bad  why")
    assert all(line in capsys.readouterr().out for line in lines[:1])


def test_without_failures_the_exit_status_is_zero(run):
    assert run(python("good", ""), python("gpu", "1 / 0", needs_gpu=True))[0] == 0


def test_on_a_gpu_every_step_is_run(run):
    status, outcomes = run(python("gpu", "1 / 0", needs_gpu=True), arguments=())
    assert (status, outcomes["gpu"]) == (1, FAILED)


def test_some_steps_may_be_chosen(run):
    steps = [python(name, "") for name in ("kernels", "train")]
    _, outcomes = run(*steps, arguments=("--device", "cpu", "--quick", "--only", "train"))
    assert list(outcomes) == ["environment", "train"]


def test_without_a_card_nothing_is_tried(run, capsys):
    status, outcomes = run(python("good", ""), environment="exit('PyTorch sees no GPU here')")
    assert (status, outcomes) == (1, {})
    assert "PyTorch sees no GPU here" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("card", "name"),
    [
        ("NVIDIA H200", "nvidia-h200"),
        ("NVIDIA GeForce RTX 4090", "nvidia-geforce-rtx-4090"),
        ("NVIDIA A100-SXM4-80GB", "nvidia-a100-sxm4-80gb"),
        ("Tesla T4 (slow) ", "tesla-t4-slow"),
    ],
)
def test_the_folder_is_named_after_the_card(card, name):
    assert command.folder_name(card) == name


def test_packages_that_travelled_come_behind_the_checkout_and_before_all_else(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", "given")
    (tmp_path / ".gpu-packages").mkdir()
    variables = command.step_variables(tmp_path / "cache")
    assert variables["PYTHONPATH"].split(":") == [str(tmp_path), str(tmp_path / ".gpu-packages"), "given"]
    monkeypatch.delenv("PYTHONPATH")
    assert command.step_variables(tmp_path)["PYTHONPATH"].split(":")[1:] == [str(tmp_path / ".gpu-packages")]


@pytest.mark.parametrize("argv", [["--device", "cpu"], ["--quick"], ["--only", "nothing"], ["--device", "tpu"]])
def test_impossible_arguments_are_refused(argv, capsys):
    with pytest.raises(SystemExit) as status:
        command.parse_args(argv)
    assert status.value.code == 2
    capsys.readouterr()


def test_a_dry_run_measures_on_the_cpu(tmp_path):
    """The first step and a benchmark as they are, and one that needs a GPU; the others are run by their own tests."""
    argv = ["--device", "cpu", "--quick", "--out", str(tmp_path), "--only", "gpu_step_tiny", "no_waiting"]
    assert command.main(argv) == 0
    (folder,) = tmp_path.iterdir()
    environment = json.loads((folder / "environment.log").read_text())
    assert command.folder_name(environment["card"]) == folder.name
    result = json.loads((folder / "gpu_step_tiny.json").read_text())
    assert [row["peer"] for row in result["tables"][0]["rows"]] == ["packed", "masked_dense"]
    summary = json.loads((folder / "summary.json").read_text())
    assert [one["outcome"] for one in summary] == [PASSED, PASSED, NEEDS_GPU]
