"""Feature cosine distance: how different the channels of a layer are from one another.

Source: section 4 and figure 4 of ConvNeXt V2 (arXiv 2301.00808). For an image whose C channels are vectors X_i over the
cells, the distance is the mean over all pairs (i, j) of (1 - cos(X_i, X_j)) / 2. It is 0 where all channels are the
same up to a positive factor (collapsed features), and 1/2 where they are unrelated.

What the paper leaves open: the pairs include i = j, as its formula does; a channel that is zero on the whole image has
cosine 0 with every channel, as PyTorch and scikit-learn have it, and so counts as unrelated, not as collapsed
(``cnxv2_mm.analysis.channel_activity`` counts such channels).
"""

from torch import Tensor


def feature_cosine_distance(cells: Tensor) -> Tensor:
    """Return the feature cosine distance of each image, (N,), in [0, 1].

    The cosines of all pairs are never formed: their sum is the square of the length of the sum of the unit vectors.

    Args:
        cells: (N, ..., C), the cells of a layer in the middle; computed in float32 or better.
    """
    x = cells.flatten(1, -2)  # (N, M, C)
    x = x if x.dtype.itemsize > 4 else x.float()
    length = x.norm(dim=1, keepdim=True)
    unit = x / length.where(length > 0, 1)
    sum_of_cosines = unit.sum(dim=2).square().sum(dim=1)  # (N, M) -> (N,)
    return (1 - sum_of_cosines / x.shape[2] ** 2) / 2
