"""Every peer of every benchmark computes the specification's numbers."""

import pytest

from benchmarks.speed.parity import Specification, adapt, compare
from benchmarks.speed.registry import DIRECTIONS, PEERS, SPECIFICATIONS
from tests.benchmarks.speed.examples import computed_by, workload_of


def cases():
    """All peers; that which is not in requirements.txt with the tests that install it."""
    for benchmark, peers in PEERS.items():
        for name in peers:
            yield pytest.param(benchmark, name, marks=[pytest.mark.minkowski] if name == "minkowski" else [])


@pytest.mark.parametrize(("benchmark", "name"), list(cases()))
def test_every_peer_computes_the_specification(benchmark, name):
    peer = PEERS[benchmark][name]
    workload = workload_of(benchmark)
    found = computed_by(peer, adapt(workload, peer))
    expected = Specification(workload, SPECIFICATIONS[benchmark]).expected(peer)
    parity = compare(found, expected, tolerance=1e-5, each_gradient=True)
    assert parity.outputs <= 1e-5
    # Not zeros on both sides, and every parameter of the network: encoder, output norms, decoder.
    assert found.gradients.keys() == workload.weights.keys()
    assert all(gradient.any() for gradient in found.gradients.values())
    assert all(output.any() for output in found.outputs)


def test_every_benchmark_has_peers_a_specification_and_directions():
    assert PEERS.keys() == SPECIFICATIONS.keys() == DIRECTIONS.keys()
    assert all(SPECIFICATIONS[name] in peers.values() for name, peers in PEERS.items())
