"""Every peer of the benchmark computes the specification's numbers, and one that did not would be found out."""

import pytest
import torch

from benchmark_parts import contest, minkowski_peers, mmpretrain_peers
from benchmark_parts.contest import Rules, admit, hold_contest
from benchmark_parts.mmpretrain_peers import without_hidden_bias
from benchmark_parts.parity import Different, Passed, Specification, adapt, compare, run_once
from benchmark_parts.peer import Absent
from benchmark_parts.registry import DIRECTIONS, PEERS, SPECIFICATIONS
from benchmark_parts.workload import make_workload

ARCH = {"depths": (1, 1, 1, 1), "channels": (8, 16, 24, 32)}


def rules_of(benchmark, dtype=torch.float32, compiled=False):
    return Rules(DIRECTIONS[benchmark], dtype, compiled, rounds=2, warm_up=1, least_seconds=0.05)


def workload_of(benchmark, arch=ARCH, batch_size=2, size=96):
    return make_workload(benchmark, arch, batch_size, size, None if benchmark == "backbone" else 0.6, "cpu")


def passed_by(peer, workload):
    network, images, visible = peer.prepare(workload)
    return run_once(network, network, images, visible)


def cases():
    """All peers; that which is not in requirements.txt with the tests that install it."""
    for benchmark, peers in PEERS.items():
        for name in peers:
            yield pytest.param(benchmark, name, marks=[pytest.mark.minkowski] if name == "minkowski" else [])


@pytest.mark.parametrize(("benchmark", "name"), cases())
def test_every_peer_computes_the_specification(benchmark, name):
    peer = PEERS[benchmark][name]
    workload = workload_of(benchmark)
    passed = passed_by(peer, adapt(workload, peer))
    expected = Specification(workload, SPECIFICATIONS[benchmark]).expected(peer)
    parity = compare(passed, expected, tolerance=1e-5, each_gradient=True)
    assert parity.outputs <= 1e-5
    # Not zeros on both sides, and every parameter of the network: encoder, output norms, decoder.
    assert passed.gradients.keys() == workload.weights.keys()
    assert all(gradient.any() for gradient in passed.gradients.values())
    assert all(output.any() for output in passed.outputs)


def test_a_named_size_of_timm_has_convolutions_for_linear_layers():
    peer = PEERS["pretrain"]["timm"]
    workload = workload_of("pretrain", arch="atto", size=64, batch_size=1)
    expected = Specification(workload, SPECIFICATIONS["pretrain"]).expected(peer)
    compare(passed_by(peer, workload), expected, tolerance=1e-5, each_gradient=True)


@pytest.mark.parametrize("benchmark", ["pretrain", "step"])
def test_sparks_engine_is_wrong_with_biases_and_right_without(benchmark):
    """GELU of a bias, at hidden cells, is in its sum over the image: an error far beyond rounding."""
    spark, specification = PEERS[benchmark]["spark"], SPECIFICATIONS[benchmark]
    workload = workload_of(benchmark)
    expected = passed_by(specification, workload)
    with pytest.raises(Different, match="differ by"):
        compare(passed_by(spark, workload), expected, tolerance=1e-2, each_gradient=False)
    changed = without_hidden_bias(workload.weights)
    assert sum(not torch.equal(changed[name], tensor) for name, tensor in workload.weights.items()) == 4  # one a block


def test_peers_without_a_mask_see_every_patch_and_the_others_do_not():
    workload = workload_of("pretrain")
    assert workload.num_visible == 3
    specification = Specification(workload, SPECIFICATIONS["pretrain"])
    masked, dense = (specification.expected(PEERS["pretrain"][name]).outputs[0] for name in ("packed", "timm"))
    assert (masked != 0).any(dim=1).sum(dim=(1, 2)).tolist() == [3, 3]
    assert (dense != 0).any(dim=1).all()


@pytest.mark.parametrize(
    ("outputs", "gradients", "complaint"),
    [
        ((torch.full((2, 2), 1.1),), {"a": torch.ones(3)}, "its outputs differ by 0.1"),
        ((torch.full((2, 2), torch.nan),), {"a": torch.ones(3)}, "its outputs differ by nan"),
        ((torch.ones(4),), {"a": torch.ones(3)}, "shapes"),
        ((torch.ones(2, 2),), {"a": torch.tensor([1.0, 1.0, 1.2])}, r"its gradients \(a\) differ by 0.12"),
        ((torch.ones(2, 2),), {"b": torch.ones(3)}, "not have the same parameters"),
    ],
)
def test_what_differs_is_said(outputs, gradients, complaint):
    expected = Passed((torch.ones(2, 2),), {"a": torch.ones(3)})
    with pytest.raises(Different, match=complaint):
        compare(Passed(outputs, gradients), expected, tolerance=1e-3, each_gradient=True)


def test_who_computes_other_numbers_is_not_timed(monkeypatch):
    """timm with one weight changed by a hundredth."""
    from benchmark_parts import timm_peers

    gradients = timm_peers.TimmConvNeXt.gradients

    def disturbed(network):
        found = gradients(network)
        return found | {"backbone.stages.2.0.grn.beta": found["backbone.stages.2.0.grn.beta"] * 1.01}

    monkeypatch.setattr(timm_peers.TimmConvNeXt, "gradients", disturbed)
    peers = [PEERS["pretrain"][name] for name in ("packed", "timm")]
    (table,) = hold_contest(workload_of("pretrain"), peers, SPECIFICATIONS["pretrain"], rules_of("pretrain"))
    assert [row.peer for row in table.rows] == ["packed"]
    (missing,) = table.missing
    assert (missing.peer, missing.failed) == ("timm", True)
    assert "backbone.stages.2.0.grn.beta" in missing.reason


def test_an_absent_peer_is_listed_with_the_reason(monkeypatch):
    def find(name):
        raise ImportError("needs an engine that is not there. Install it so.")

    monkeypatch.setattr(minkowski_peers, "find_masked_layout", find)
    peers = [PEERS["pretrain"][name] for name in ("minkowski", "packed")]
    workload = workload_of("pretrain")
    contenders, (missing,) = admit(workload, peers, Specification(workload, peers[1]), rules_of("pretrain"))
    assert [contender.peer.name for contender in contenders] == ["packed"]
    assert (missing.peer, missing.reason, missing.failed) == ("minkowski", "needs an engine that is not there", False)


@pytest.mark.parametrize("library", ["timm", "mmpretrain.models"])
def test_a_library_that_cannot_be_imported_is_absent(library, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, library, None)
    monkeypatch.setattr(mmpretrain_peers, "import_failure", mmpretrain_peers.import_failure.__wrapped__)  # uncached
    with pytest.raises(Absent, match=f"{library.split('.')[0]} cannot be imported"):
        PEERS["backbone"][library.split(".")[0]].prepare(workload_of("backbone"))


@pytest.mark.parametrize("benchmark", PEERS)
def test_compiled_contenders_are_checked_too(benchmark, monkeypatch):
    """With a compiler that only records, since generating code takes a minute: eager, then a wrong one, then none."""
    peers = [SPECIFICATIONS[benchmark]]
    workload = workload_of(benchmark)
    rules = rules_of(benchmark, torch.bfloat16, compiled=True)
    calls = []

    def wrong(network, **options):
        calls.append(options)
        return lambda images, visible: tuple(output * 1.5 for output in network(images, visible))

    monkeypatch.setattr(torch, "compile", lambda network, **options: network)
    contenders, missing = admit(workload, peers, Specification(workload, peers[0]), rules)
    assert [contender.compiled for contender in contenders] == [False, True]
    assert not missing
    # bfloat16 was at work: an error there is, of its rounding, on both sides of what is allowed in float32.
    assert all(1e-4 < contender.parity.gradients < contest.BFLOAT16_TOLERANCE for contender in contenders)

    monkeypatch.setattr(torch, "compile", wrong)
    contenders, (missing,) = admit(workload, peers, Specification(workload, peers[0]), rules)
    assert [contender.compiled for contender in contenders] == [False]
    assert (missing.compiled, missing.failed) == (True, True)
    assert "differ by 0.5" in missing.reason
    assert calls[0]["options"] == {"fallback_random": True}


def test_a_compiler_that_fails_is_told(monkeypatch):
    def fail(network, **options):
        raise RuntimeError("no C++\ncompiler")

    monkeypatch.setattr(torch, "compile", fail)
    workload, peers = workload_of("pretrain"), [PEERS["pretrain"]["packed"]]
    rules = rules_of("pretrain", compiled=True)
    contenders, (missing,) = admit(workload, peers, Specification(workload, SPECIFICATIONS["pretrain"]), rules)
    assert len(contenders) == 1
    assert (missing.label, missing.reason) == ("packed, compiled", "RuntimeError: no C++ compiler")


def test_a_step_trains():
    """After a timed step the weights are others, and the gradients are gone."""
    workload, peer = workload_of("step"), PEERS["step"]["packed"]
    (contender,), _ = admit(workload, [peer], Specification(workload, SPECIFICATIONS["step"]), rules_of("step"))
    before = {name: parameter.clone() for name, parameter in contender.network.named_parameters()}
    contender.optimizer = torch.optim.AdamW(contender.network.parameters())
    contender.call_training()()
    for name, parameter in contender.network.named_parameters():
        assert not torch.equal(parameter, before[name]), name
        assert parameter.grad is None
