"""Class selectivity: how much each channel prefers one class to the others.

Source: appendix C and figure 7 of ConvNeXt V2 (arXiv 2301.00808) by the definition of Morcos et al. (On the importance
of single directions for generalization, ICLR 2018). With mu_max the highest of the mean activities of a channel on the
images of one class, and mu_rest the mean over the other classes, the index is

    (mu_max - mu_rest) / (mu_max + mu_rest),

0 where all classes excite the channel alike, 1 where one class alone does.

What the paper leaves open: the activity of a channel on an image is the mean over the cells of its positive part, since
the definition was made for the outputs of ReLU, and with negative activities the index leaves [0, 1].
"""

import torch
from torch import Tensor

from cnxv2_mm.arguments import check_count


class ClassSelectivity:
    """Collects the mean activities of the channels of a layer, class by class, over batches of images.

    Args:
        num_classes: Number of classes, at least 2.

    Raises:
        ValueError: There are fewer than two classes.
    """

    def __init__(self, num_classes: int) -> None:
        check_count("num_classes", num_classes)
        if num_classes < 2:
            raise ValueError(f"num_classes={num_classes} must be at least 2: the index compares classes")
        self.num_classes = num_classes
        self._sums: Tensor | None = None  # (num_classes, C)
        self._counts = torch.zeros(num_classes, dtype=torch.float64)

    def update(self, cells: Tensor, labels: Tensor) -> None:
        """Add some images: their cells, (N, ..., C), and the numbers of their classes, (N,)."""
        activity = cells.detach().flatten(1, -2).clamp(min=0).double().mean(dim=1).cpu()  # (N, C)
        labels = labels.cpu()
        if self._sums is None:
            self._sums = activity.new_zeros(self.num_classes, activity.shape[1])
        self._sums.index_add_(0, labels, activity)
        self._counts += torch.bincount(labels, minlength=self.num_classes)

    def compute(self) -> Tensor:
        """Return the index of each channel, (C,), in [0, 1]; 0 for a channel that no class excites.

        Classes without images are left out.

        Raises:
            ValueError: Fewer than two classes had images.
        """
        seen = self._counts > 0
        if self._sums is None or seen.sum() < 2:
            raise ValueError(f"{int(seen.sum())} classes had images; class selectivity needs images of at least two")
        means = self._sums[seen] / self._counts[seen].unsqueeze(1)  # (classes, C)
        highest = means.amax(dim=0)
        rest = (means.sum(dim=0) - highest) / (len(means) - 1)
        return ((highest - rest) / (highest + rest).clamp(min=torch.finfo(means.dtype).tiny)).float()
