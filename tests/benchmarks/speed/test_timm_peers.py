"""timm as a peer."""

from benchmarks.speed.parity import Specification, compare
from benchmarks.speed.registry import PEERS, SPECIFICATIONS
from tests.benchmarks.speed.examples import computed_by, workload_of


def test_a_named_size_of_timm_has_convolutions_for_linear_layers():
    peer = PEERS["pretrain"]["timm"]
    workload = workload_of("pretrain", arch="atto", size=64, batch_size=1)
    expected = Specification(workload, SPECIFICATIONS["pretrain"]).expected(peer)
    compare(computed_by(peer, workload), expected, tolerance=1e-5, each_gradient=True)
