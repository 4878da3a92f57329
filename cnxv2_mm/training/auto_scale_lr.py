"""``--auto-scale-lr``: learning rates for another number of images per step than the config's."""

from mmengine.config import Config


def scale_learning_rate(config: Config) -> None:
    """Let mmengine scale the learning rates by (images per step) / ``auto_scale_lr.base_batch_size``.

    A step of the optimiser sees batch size x processes x ``optim_wrapper.accumulative_counts`` images. mmengine leaves
    out the last factor. So ``base_batch_size`` is divided by it here. ``images_per_step`` keeps the number that the
    config had, for a second run with the config of the first.

    Args:
        config: A whole config; edited in place.

    Raises:
        ValueError: The config does not say for which number of images its rates are meant.
    """
    settings = config.get("auto_scale_lr")
    if not settings or not settings.get("base_batch_size"):
        raise ValueError(
            "--auto-scale-lr: the config does not say for which total batch size its learning rate is meant. "
            "Add auto_scale_lr=dict(base_batch_size=...), e.g. --cfg-options auto_scale_lr.base_batch_size=32"
        )
    settings.enable = True
    settings.setdefault("images_per_step", settings.base_batch_size)
    settings.base_batch_size = settings.images_per_step / config.optim_wrapper.get("accumulative_counts", 1)
