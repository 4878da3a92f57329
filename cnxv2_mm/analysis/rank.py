"""RankMe, the effective rank of the features, and the singular values that it is made of.

Source: Garrido et al., RankMe: Assessing the Downstream Performance of Pretrained Self-Supervised Representations by
Their Rank (ICML 2023, arXiv 2210.02885), equation 1: the exponential of the entropy of p_k = s_k / sum(s) + 1e-7, where
s are the singular values of the (N, D) matrix of features. It lies between 1 and min(N, D).
"""

import torch
from torch import Tensor

RANK_EPS = 1e-7


class FeatureSpectrum:
    """Collects features over batches as their D x D matrix of products, so that any number of images fits.

    Args:
        dim: Number of features of an image, D.
    """

    def __init__(self, dim: int) -> None:
        self._products = torch.zeros(dim, dim, dtype=torch.float64)
        self._images = 0

    def update(self, features: Tensor) -> None:
        """Add the features of some images, (N, D)."""
        x = features.detach().double().cpu()
        self._products.addmm_(x.T, x)
        self._images += len(x)

    def singular_values(self) -> Tensor:
        """Return the min(N, D) singular values of the features, largest first.

        They come from the products, so those below about 1e-8 of the largest are rounding.

        Raises:
            ValueError: There were no images.
        """
        if not self._images:
            raise ValueError("0 images were measured; the rank of the features needs at least one")
        values = torch.linalg.eigvalsh(self._products).clamp(min=0).sqrt().flip(0)
        return values[: min(self._images, len(values))]

    def rank_me(self) -> float:
        """Return RankMe, between 1 and min(N, D); 0 if all features are zero."""
        values = self.singular_values()
        if not values.sum():
            return 0.0
        p = values / values.sum() + RANK_EPS
        return torch.exp(-(p * p.log()).sum()).item()
