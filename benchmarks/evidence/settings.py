"""Every number that was chosen for the experiments, the same for every arm.

All were chosen before any result was seen but one. After 150 steps of UperNet every transfer had the mIoU of a
predictor that never looks at the image (7.0 %), so ``transfer_steps`` was raised to the demo's number, for all of them.
"""

from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True)
class Settings:
    """The experiments' sizes.

    The network is an atto of two fifths of the width; images are enlarged to 3 x 3 patches of the paper's 32 pixels.

    Attributes:
        depths: Blocks of each stage.
        channels: Channels of each stage.
        decoder_width: Channels of FCMAE's decoder.
        image_size: Side of the enlarged images in pixels.
        seeds: Every arm runs once with each: it draws weights, masks, the order of images and the labelled images.
        pretrain_steps: Steps of FCMAE.
        pretrain_batch: Images of a step of FCMAE.
        pretrain_rate: Its learning rate, after the warm-up.
        moments: Shares of the steps at which features are measured.
        labelled: Images with labels, for fine-tuning and supervised training.
        finetune_steps: Steps of fine-tuning.
        supervised_steps: Steps of supervised training from random weights.
        finetune_batch: Images of a step of either.
        finetune_rates: Learning rates tried by every arm; the best on the held-out images counts.
        probe_penalties: Penalties of the linear probe, tried alike.
        held_out: Images that choose rates and penalties; no training sees them.
        probe_train: Images with labels for k-NN and the linear probe.
        test: Test images.
        distance_images: Test images on which cosine distance is measured.
        transfer_steps: Steps of the demo's UperNet, as many as the demo takes.
    """

    depths: tuple[int, ...] = (2, 2, 4, 2)
    channels: tuple[int, ...] = (16, 32, 64, 128)
    decoder_width: int = 256
    image_size: int = 96
    seeds: tuple[int, ...] = (0, 1, 2)
    pretrain_steps: int = 600
    pretrain_batch: int = 64
    pretrain_rate: float = 1e-3
    moments: tuple[float, ...] = (0.0, 0.25, 0.5, 1.0)
    labelled: int = 2000
    finetune_steps: int = 100
    supervised_steps: int = 400
    finetune_batch: int = 32
    finetune_rates: tuple[float, ...] = (5e-4, 2e-3)
    probe_penalties: tuple[float, ...] = (1e-3, 1e-2, 1e-1, 1.0)
    held_out: int = 1000
    probe_train: int = 3000
    test: int = 3000
    distance_images: int = 256
    transfer_steps: int = 900

    def as_json(self) -> dict[str, object]:
        """Return the settings as JSON gives them back, to compare with those of a result on disk."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


FULL = Settings()
# Every step of the chain in two minutes, for continuous integration: it shows that it runs, and nothing else.
QUICK = replace(
    FULL,
    depths=(1, 1, 1, 1),
    channels=(8, 16, 24, 32),
    decoder_width=32,
    seeds=(0,),
    pretrain_steps=4,
    pretrain_batch=16,
    labelled=64,
    finetune_steps=2,
    supervised_steps=4,
    finetune_batch=16,
    finetune_rates=(2e-3,),
    probe_penalties=(1e-1,),
    held_out=50,
    probe_train=100,
    test=100,
    distance_images=16,
    transfer_steps=2,
)
