"""PSANet's masks: attention predicted relative to each cell, laid out by absolute cells.

Every cell of a map predicts a window of weights around itself, of any size. Here the part of the window that lies on
the map is cut out, and what the window does not reach is zero. A cell that *collects* weighs what comes to it, one
that *distributes* what goes out from it; the two results are each other's transpose. With ``a`` the half mask, ::

    collected[n, (p, q), (h, w)] = distributed[n, (h, w), (p, q)] = input[n, (p - h + a_h, q - w + a_w), (h, w)]

Source: Zhao et al., "PSANet: Point-wise Spatial Attention Network for Scene Parsing", ECCV 2018,
https://hszhao.github.io/papers/eccv18_psanet.pdf. Numbers are moved and never computed with, so the result is exact in
every type.

Difference from mmcv's compiled operators: an unknown ``psa_type`` raises ``ValueError``.

Shape letters: N images, H W cells, A B rows and columns of the window.
"""

import torch
from torch import Tensor

_COLLECT, _DISTRIBUTE = 0, 1


def psamask_forward(
    input: Tensor,
    output: Tensor,
    psa_type: int,
    num_: int,
    h_feature: int,
    w_feature: int,
    h_mask: int,
    w_mask: int,
    half_h_mask: int,
    half_w_mask: int,
) -> None:
    """Lay out the windows by absolute cells.

    Args:
        input: The window of each cell, (N, A * B, H, W).
        output: The weights between cells, (N, H * W, H, W), overwritten.
        psa_type: 0 collects: the window belongs to the cell of the last two axes; 1 distributes: to that of the second.
        num_: Unused (N).
        h_feature: Rows of the map, H.
        w_feature: Columns of the map, W.
        h_mask: Rows of the window, A.
        w_mask: Columns of the window, B.
        half_h_mask: The row of the window that lies on the cell itself.
        half_w_mask: The column of the window that lies on the cell itself.

    Raises:
        ValueError: ``psa_type`` is neither 0 nor 1.
    """
    _check_type(psa_type)
    windows = input.unflatten(1, (h_mask, w_mask))  # N (AB) H W -> N A B H W
    absolute = _moved(windows, (h_feature, w_feature), -1, (half_h_mask, half_w_mask))
    absolute = absolute.flatten(3).flatten(1, 2)  # N H W H W -> N (HW) (HW)
    output.copy_((absolute if psa_type == _COLLECT else absolute.transpose(1, 2)).view_as(output))


def psamask_backward(
    grad_output: Tensor,
    grad_input: Tensor,
    psa_type: int,
    num_: int,
    h_feature: int,
    w_feature: int,
    h_mask: int,
    w_mask: int,
    half_h_mask: int,
    half_w_mask: int,
) -> None:
    """Overwrite ``grad_input``, (N, A * B, H, W), from ``grad_output``, (N, H * W, H, W).

    Each weight of a window has the gradient of its one place in the output, or 0 if it has none. For the other
    arguments see :func:`psamask_forward`.
    """
    _check_type(psa_type)
    grad = grad_output.flatten(2)  # N (HW) (HW)
    grad = grad if psa_type == _COLLECT else grad.transpose(1, 2)
    grad = grad.unflatten(2, (h_feature, w_feature)).unflatten(1, (h_feature, w_feature))  # N H W H W
    relative = _moved(grad, (h_mask, w_mask), 1, (half_h_mask, half_w_mask))
    grad_input.copy_(relative.flatten(1, 2))


def _check_type(psa_type: int) -> None:
    if psa_type not in (_COLLECT, _DISTRIBUTE):
        raise ValueError(f"psa_type={psa_type!r} of psamask is unknown; allowed: 0 (collect), 1 (distribute)")


def _moved(source: Tensor, size: tuple[int, int], sign: int, half: tuple[int, int]) -> Tensor:
    """Move the plane of each cell by the cell's place: from relative to absolute (``sign`` -1) or back (1).

    Args:
        source: A plane P Q for each of the cells H W, (N, P, Q, H, W).
        size: Rows and columns of the moved planes, S and T.
        sign: The sign of the cell's place, -1 or 1.
        half: The row and column of the window that lie on the cell itself.

    Returns:
        The moved planes, (N, S, T, H, W). At ``[n, s, t, h, w]`` is
        ``source[n, s + sign (h - half), t + sign (w - half), h, w]``, or 0 where the source has no such place.
    """
    # S H and T W: the indices below are broadcast from these small tensors, never stored at full size
    (row, row_inside), (column, column_inside) = (
        _places(size[axis], source.shape[1 + axis], source.shape[3 + axis], sign, half[axis], source.device)
        for axis in range(2)
    )
    cell_row = torch.arange(source.size(3), device=source.device)[:, None]  # H 1
    cell_column = torch.arange(source.size(4), device=source.device)  # W
    moved = source[:, row[:, None, :, None], column[None, :, None, :], cell_row, cell_column]  # N S T H W
    return moved.masked_fill_(~(row_inside[:, None, :, None] & column_inside[None, :, None, :]), 0)


def _places(
    size: int, source_size: int, cells: int, sign: int, half: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return where each number (size, cells) of one axis comes from, and whether that is inside; 0 if it is not."""
    place = torch.arange(size, device=device)[:, None] + sign * (torch.arange(cells, device=device) - half)
    inside = (place >= 0) & (place < source_size)
    return place * inside, inside
