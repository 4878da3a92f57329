"""MinkowskiEngine as a peer; that it computes the same is in test_registry.py."""

from benchmarks.speed import minkowski_peers
from benchmarks.speed.measure import prepare
from benchmarks.speed.parity import Specification
from benchmarks.speed.registry import PEERS
from tests.benchmarks.speed.examples import conditions_of, workload_of


def test_an_absent_peer_is_listed_with_the_reason(monkeypatch):
    def find(name):
        raise ImportError("needs an engine that is not there. Install it so.")

    monkeypatch.setattr(minkowski_peers, "find_masked_layout", find)
    peers = [PEERS["pretrain"][name] for name in ("minkowski", "packed")]
    workload = workload_of("pretrain")
    prepared, (missing,) = prepare(workload, peers, Specification(workload, peers[1]), conditions_of("pretrain"))
    assert [ready.peer.name for ready in prepared] == ["packed"]
    assert (missing.peer, missing.reason, missing.failed) == ("minkowski", "needs an engine that is not there", False)
