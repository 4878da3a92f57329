"""The table of a workload: a peer that computes other numbers is found out, and is not timed."""

from dataclasses import replace

import pytest
import torch

from benchmarks.speed import timm_peers
from benchmarks.speed.measure import IMAGES_CHECKED_ON_GPU, measure_peers, prepare, to_check
from benchmarks.speed.parity import BFLOAT16_TOLERANCE, Specification
from benchmarks.speed.registry import PEERS, SPECIFICATIONS
from tests.benchmarks.speed.examples import conditions_of, workload_of


def test_a_peer_that_computes_other_numbers_is_not_timed(monkeypatch):
    """timm with one weight changed by a hundredth."""
    gradients = timm_peers.TimmConvNeXt.gradients

    def disturbed(network):
        found = gradients(network)
        return found | {"backbone.stages.2.0.grn.beta": found["backbone.stages.2.0.grn.beta"] * 1.01}

    monkeypatch.setattr(timm_peers.TimmConvNeXt, "gradients", disturbed)
    peers = [PEERS["pretrain"][name] for name in ("packed", "timm")]
    (table,) = measure_peers(workload_of("pretrain"), peers, SPECIFICATIONS["pretrain"], [conditions_of("pretrain")])
    assert [row.peer for row in table.rows] == ["packed"]
    (missing,) = table.missing
    assert (missing.peer, missing.failed) == ("timm", True)
    assert "backbone.stages.2.0.grn.beta" in missing.reason


@pytest.mark.parametrize("benchmark", PEERS)
def test_compiled_peers_are_checked_too(benchmark, monkeypatch):
    """With a compiler that only records, since generating code takes a minute: eager, then a wrong one, then none."""
    peers = [SPECIFICATIONS[benchmark]]
    workload = workload_of(benchmark)
    conditions = conditions_of(benchmark, torch.bfloat16, compiled=True)
    calls = []

    def wrong(network, **options):
        calls.append(options)
        return lambda images, visible: tuple(output * 1.5 for output in network(images, visible))

    monkeypatch.setattr(torch, "compile", lambda network, **options: network)
    prepared, missing = prepare(workload, peers, Specification(workload, peers[0]), conditions)
    assert [ready.compiled for ready in prepared] == [False, True]
    assert not missing
    # bfloat16 was at work: an error there is, of its rounding, on both sides of what is allowed in float32.
    assert all(1e-4 < ready.parity.gradients < BFLOAT16_TOLERANCE for ready in prepared)

    monkeypatch.setattr(torch, "compile", wrong)
    prepared, (missing,) = prepare(workload, peers, Specification(workload, peers[0]), conditions)
    assert [ready.compiled for ready in prepared] == [False]
    assert (missing.compiled, missing.failed) == (True, True)
    assert "differ by 0.5" in missing.reason
    assert calls[0]["options"] == {"fallback_random": True}


def first_image(workload):
    """The workload that a specification of fewer images has, as on a GPU."""
    visible = None if workload.visible is None else workload.visible[:1]
    return replace(workload, images=workload.images[:1], visible=visible)


@pytest.mark.parametrize("benchmark", PEERS)
@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_a_specification_of_fewer_images_will_do(benchmark, factor, monkeypatch):
    """Peers are compared on those; compiled forms, which see all images, with the peers themselves."""
    seen = []

    def compiler(network, **options):
        def forward(images, visible):
            seen.append(len(images))
            return tuple(output * factor for output in network(images, visible))

        return forward

    monkeypatch.setattr(torch, "compile", compiler)
    workload, peer = workload_of(benchmark), SPECIFICATIONS[benchmark]
    specification = Specification(first_image(workload), peer)
    prepared, missing = prepare(workload, [peer], specification, conditions_of(benchmark, compiled=True))
    assert [len(result.outputs[0]) for result in specification.known.values() if result.outputs[0].ndim] in ([1], [])
    assert [ready.compiled for ready in prepared] == ([False, True] if factor == 1 else [False])
    assert [one.reason[:24] for one in missing] == ([] if factor == 1 else ["its outputs differ by 0.5"[:24]])
    assert set(seen) == {2}
    assert all(len(ready.images) == 2 for ready in prepared)


def test_a_gpu_is_checked_on_few_images():
    """With tensors that have no data: the device alone counts."""
    workload = workload_of("pretrain", batch_size=12)
    assert to_check(workload) is workload
    elsewhere = replace(workload, images=workload.images.to("meta"), visible=workload.visible.to("meta"))
    some = to_check(elsewhere)
    assert len(some.images) == len(some.visible) == IMAGES_CHECKED_ON_GPU == 8
    assert to_check(replace(elsewhere, visible=None)).visible is None


def test_without_time_left_no_further_peer_is_begun():
    workload, peers = workload_of("pretrain"), [PEERS["pretrain"][name] for name in ("packed", "timm")]
    conditions = replace(conditions_of("pretrain", compiled=True), prepare_seconds=-1.0)
    prepared, missing = prepare(workload, peers, Specification(workload, SPECIFICATIONS["pretrain"]), conditions)
    assert prepared == []
    assert [one.label for one in missing] == ["packed", "packed, compiled", "timm", "timm, compiled"]
    assert not any(one.failed for one in missing)
    assert missing[0].reason == "not begun within the -1 seconds that there were to prepare"


def test_a_compiler_that_fails_is_told(monkeypatch):
    def fail(network, **options):
        raise RuntimeError("no C++\ncompiler")

    monkeypatch.setattr(torch, "compile", fail)
    workload, peers = workload_of("pretrain"), [PEERS["pretrain"]["packed"]]
    conditions = conditions_of("pretrain", compiled=True)
    prepared, (missing,) = prepare(workload, peers, Specification(workload, SPECIFICATIONS["pretrain"]), conditions)
    assert len(prepared) == 1
    assert (missing.label, missing.reason) == ("packed, compiled", "RuntimeError: no C++ compiler")


def test_a_step_trains():
    """After a timed step the weights are others, and the gradients are gone."""
    workload, peer = workload_of("step"), PEERS["step"]["packed"]
    (ready,), _ = prepare(workload, [peer], Specification(workload, SPECIFICATIONS["step"]), conditions_of("step"))
    before = {name: parameter.clone() for name, parameter in ready.network.named_parameters()}
    ready.optimizer = torch.optim.AdamW(ready.network.parameters())
    ready.call_training()()
    for name, parameter in ready.network.named_parameters():
        assert not torch.equal(parameter, before[name]), name
        assert parameter.grad is None


def test_peers_are_timed_in_each_type_in_one_table():
    """Oracle for what ran in bfloat16: only its rounding leaves an error of that size."""
    peers = [PEERS["pretrain"][name] for name in ("packed", "masked_dense")]
    conditions = [conditions_of("pretrain", dtype) for dtype in (torch.float32, torch.bfloat16)]
    (table,) = measure_peers(workload_of("pretrain"), peers, SPECIFICATIONS["pretrain"], conditions)
    assert [row.label for row in table.rows] == [
        "packed, float32",
        "masked_dense, float32",
        "packed, bfloat16",
        "masked_dense, bfloat16",
    ]
    assert not table.missing
    errors = [row.gradient_error for row in table.rows]
    assert max(errors[:2]) < 1e-5
    assert min(errors[2:]) > 1e-4


def test_a_peer_that_is_left_out_is_named_with_its_type(monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("no such operator")

    conditions = [conditions_of("pretrain", dtype) for dtype in (torch.float32, torch.bfloat16)]
    monkeypatch.setattr("benchmarks.speed.measure.compare", fail)
    (table,) = measure_peers(
        workload_of("pretrain"), [PEERS["pretrain"]["packed"]], SPECIFICATIONS["pretrain"], conditions
    )
    assert [one.label for one in table.missing] == ["packed, float32", "packed, bfloat16"]


def test_the_optimiser_of_a_step_is_fused(monkeypatch):
    """Of every peer: it is not theirs."""
    made = []
    adamw = torch.optim.AdamW
    monkeypatch.setattr(torch.optim, "AdamW", lambda *a, **options: made.append(options) or adamw(*a, **options))
    peers = [PEERS["step"][name] for name in ("packed", "masked_dense")]
    measure_peers(workload_of("step"), peers, SPECIFICATIONS["step"], [conditions_of("step")])
    assert [options["fused"] for options in made] == [True, True]
