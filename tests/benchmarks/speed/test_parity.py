"""The comparison of a peer with the specification."""

import pytest
import torch

from benchmarks.speed.parity import NumbersDiffer, PassResult, Specification, compare
from benchmarks.speed.registry import PEERS, SPECIFICATIONS
from tests.benchmarks.speed.examples import workload_of


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
    expected = PassResult((torch.ones(2, 2),), {"a": torch.ones(3)})
    with pytest.raises(NumbersDiffer, match=complaint):
        compare(PassResult(outputs, gradients), expected, tolerance=1e-3, each_gradient=True)
