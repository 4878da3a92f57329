"""A learning-rate schedule that fits any length of training: its warm-up is a share of it."""

import math
from typing import Any

from mmengine.optim import BaseOptimWrapper
from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.optim.scheduler.param_scheduler import INF, _ParamScheduler
from torch.optim import Optimizer

from cnxv2_mm.registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class WarmupCosineLR(LRSchedulerMixin, _ParamScheduler):
    """A linear rise from 0 to the full rate, then half a cosine down to ``eta_min``, stepped every iteration.

    In iteration i of T, of which w = ``warmup_share`` T are warm-up, the rate is ``lr * i / w`` for i < w, and
    ``eta_min + (lr - eta_min) * (1 + cos(pi * (i - w) / (T - w))) / 2`` from then on.

    Source: ``adjust_learning_rate`` of facebookresearch/ConvNeXt-V2 @ 2553895 (utils.py). One thing differs: there the
    warm-up is a number of epochs, here it is a share of the training. So a config may change ``max_epochs`` or
    ``max_iters`` alone, and the schedule still fits.

    Args:
        optimizer: The optimiser whose rates are set. Each group has its own full rate.
        warmup_share: The share of the training that is warm-up, in [0, 1). The paper's 40 of 800 epochs are 0.05.
        eta_min: The rate at the end.
        by_epoch: It must be False in the config: the rate changes in every iteration.
        **kwargs: ``begin`` and ``end`` in iterations, by default those of the whole training, and other arguments of
            mmengine's schedulers.

    Raises:
        ValueError: ``warmup_share`` is outside its range, ``by_epoch`` is not False, or there is no end.
    """

    def __init__(
        self,
        optimizer: BaseOptimWrapper | Optimizer,
        warmup_share: float = 0.05,
        eta_min: float = 0.0,
        by_epoch: bool = True,
        **kwargs: Any,
    ) -> None:
        if not 0 <= warmup_share < 1:
            raise ValueError(f"warmup_share={warmup_share!r} must be at least 0 and below 1, such as 0.05")
        if by_epoch:
            raise ValueError("WarmupCosineLR changes the rate in every iteration: add by_epoch=False to its config")
        if kwargs.get("end", INF) == INF:
            raise ValueError("WarmupCosineLR needs an end: set end, in iterations, or build it by mmengine's Runner")
        self.warmup_share = warmup_share
        self.eta_min = eta_min
        super().__init__(optimizer, by_epoch=False, **kwargs)

    def _get_value(self) -> list[float]:
        total = self.end - self.begin
        warmup = self.warmup_share * total
        if self.last_step < warmup:
            return [base * self.last_step / warmup for base in self.base_values]
        cosine = (1 + math.cos(math.pi * (self.last_step - warmup) / (total - warmup))) / 2
        return [self.eta_min + (base - self.eta_min) * cosine for base in self.base_values]
