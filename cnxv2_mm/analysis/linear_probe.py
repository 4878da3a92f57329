"""Accuracy of a linear classifier on frozen features.

Features are scaled to mean 0 and deviation 1 by the training images' statistics; the classifier is multinomial logistic
regression with a squared penalty on its weights, solved to convergence. This is scikit-learn's ``LogisticRegression``
with ``C = 1 / (penalty * M)``, written in PyTorch so that it runs where the features are. The usual probe, one linear
layer trained by gradient descent, has this as its limit, and adds a learning rate and a number of epochs to choose.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def linear_probe_accuracy(
    train_features: Tensor,
    train_labels: Tensor,
    features: Tensor,
    labels: Tensor,
    penalty: float = 1e-3,
    max_iters: int = 200,
) -> float:
    """Return the share of images whose class a linear classifier finds.

    Args:
        train_features: (M, D) features of the images to fit the classifier on.
        train_labels: (M,) numbers of their classes.
        features: (N, D) features of the images to classify.
        labels: (N,) numbers of their classes.
        penalty: Weight of half the squared length of the weights, beside the mean cross entropy; above 0.
        max_iters: Most iterations of L-BFGS.

    Raises:
        ValueError: ``penalty`` is not above 0, or one of the sets has no images.
    """
    if not penalty > 0:
        raise ValueError(f"penalty={penalty} must be above 0; 1e-3 is usual")
    if not len(train_features) or not len(features):
        raise ValueError(f"{len(train_features)} images to fit and {len(features)} to classify; each needs some")
    mean, std = train_features.mean(dim=0), train_features.std(dim=0, correction=0)
    std = std.where(std > 0, 1)
    x = ((train_features - mean) / std).float()
    weight = x.new_zeros(int(train_labels.max()) + 1, x.shape[1], requires_grad=True)
    bias = x.new_zeros(len(weight), requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=max_iters, history_size=20, tolerance_grad=1e-5, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(F.linear(x, weight, bias), train_labels) + penalty / 2 * weight.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    with torch.no_grad():
        predicted = F.linear(((features - mean) / std).float(), weight, bias).argmax(dim=1)
    return (predicted == labels).float().mean().item()
