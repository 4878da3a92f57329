"""Accuracy of a k-nearest-neighbour classifier on frozen features: no training, nothing to tune.

Source: Wu et al., Unsupervised Feature Learning via Non-Parametric Instance Discrimination (arXiv 1805.01978),
section 3.4: neighbours by cosine similarity s, votes weighted by exp(s / 0.07). k = 20 as in DINO (arXiv 2104.14294).
"""

from torch import Tensor
from torch.nn import functional as F

from cnxv2_mm.arguments import check_count

TEMPERATURE = 0.07
_ROWS = 1024  # images compared with all neighbours at once


def knn_accuracy(train_features: Tensor, train_labels: Tensor, features: Tensor, labels: Tensor, k: int = 20) -> float:
    """Return the share of images whose class their neighbours vote for.

    Args:
        train_features: (M, D) features of the images to choose neighbours from.
        train_labels: (M,) numbers of their classes.
        features: (N, D) features of the images to classify.
        labels: (N,) numbers of their classes.
        k: Number of neighbours; all M if there are fewer.

    Raises:
        ValueError: ``k`` is not a positive whole number, or one of the sets has no images.
    """
    check_count("k", k)
    if not len(train_features) or not len(features):
        raise ValueError(
            f"{len(train_features)} images to choose neighbours from and {len(features)} to classify; each needs some"
        )
    bank = F.normalize(train_features.float(), dim=1)
    num_classes = int(train_labels.max()) + 1
    right = 0
    for rows, truth in zip(features.float().split(_ROWS), labels.split(_ROWS), strict=True):
        similarity, index = (F.normalize(rows, dim=1) @ bank.T).topk(min(k, len(bank)))  # (rows, k)
        weights = ((similarity - similarity[:, :1]) / TEMPERATURE).exp()
        votes = weights.new_zeros(len(rows), num_classes).scatter_add_(1, train_labels[index], weights)
        right += int((votes.argmax(dim=1) == truth).sum())
    return right / len(features)
