"""Rows at places of their own, against PyTorch's indexing."""

import torch

from cnxv2_mm.kernels.rows import scatter_rows, take_rows


def test_rows_go_to_their_places_and_zeros_elsewhere():
    rows = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    maps = scatter_rows(rows, torch.tensor([5, 0]), (2, 1, 3))
    assert maps[1, 0, 2].tolist() == [1, 2]
    assert maps[0, 0, 0].tolist() == [3, 4]
    assert maps.sum() == rows.sum()


def test_rows_are_taken_and_their_gradients_put_back(device):
    rows = torch.randn(6, 2, 3, device=device, requires_grad=True)
    places = torch.tensor([4, 0, 5], device=device)
    ours, expected = take_rows(rows, places), rows[places]
    assert torch.equal(ours, expected)
    weights = torch.randn_like(expected)
    assert torch.equal(*(torch.autograd.grad((taken * weights).sum(), rows)[0] for taken in (ours, expected)))


def test_gradients_can_be_differentiated():
    rows = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    places = torch.tensor([3, 1])
    assert torch.autograd.gradgradcheck(lambda r: take_rows(r, places).square(), rows)


def test_the_backward_pass_neither_sorts_nor_adds_up():
    """What indexing does: ``index_put`` with accumulation sorts, and ``index_add`` depends on the order of threads."""
    rows, places = torch.randn(6, 2, requires_grad=True), torch.tensor([4, 0])
    taken = take_rows(rows, places)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        taken.sum().backward()
    names = {event.key for event in profile.key_averages()}
    assert "aten::index_copy_" in names
    assert not names & {
        "aten::index_put_",
        "aten::_index_put_impl_",
        "aten::index_add_",
        "aten::sort",
        "aten::scatter_add_",
    }
