"""Two properties of a training step. Whether the device is waited for, only a GPU can say."""

import pytest
import torch

from benchmarks.gpu import training_step


@pytest.fixture(autouse=True)
def nondeterministic_afterwards():
    yield
    torch.use_deterministic_algorithms(False)


def test_two_steps_from_one_seed_agree(capsys):
    assert training_step.main(["deterministic", "--device", "cpu", "--quick"]) == 0
    assert torch.are_deterministic_algorithms_enabled()
    assert "eager: two steps from one seed agree in" in capsys.readouterr().out


def test_steps_that_differ_are_found(monkeypatch):
    run_forward = training_step.run_forward
    factors = iter([1.0, 1.01])
    monkeypatch.setattr(training_step, "run_forward", lambda *arguments: run_forward(*arguments) * next(factors))
    with pytest.raises(RuntimeError, match="eager: two steps from one seed differ in \\['loss', '"):
        training_step.main(["deterministic", "--device", "cpu", "--quick"])


def test_waiting_is_forbidden_for_the_call_and_allowed_again(monkeypatch):
    said = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: said.append("wait"))
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", said.append)
    training_step.forbid_waiting(lambda: said.append("step"))
    assert said == ["wait", "error", "step", "default", "wait"]
    said.clear()
    with pytest.raises(ZeroDivisionError):
        training_step.forbid_waiting(lambda: 1 / 0)
    assert said == ["wait", "error", "default"]


def test_a_cpu_is_never_waited_for(capsys):
    with pytest.raises(SystemExit):
        training_step.main(["no_waiting", "--device", "cpu"])
    assert "it needs a GPU" in capsys.readouterr().err
