"""``init_cfg=dict(type='cnxv2_mm.Pretrained', ...)``: a config starts from weights of any dialect.

mmengine's own initialiser loads what fits and only logs the rest. With a misspelt prefix, training then starts from
random weights, and nobody notices.
"""

from mmengine.model import update_init_info
from torch import nn

from cnxv2_mm.checkpoints.load import load
from cnxv2_mm.registry import WEIGHT_INITIALIZERS


@WEIGHT_INITIALIZERS.register_module()
class Pretrained:
    """Fill a backbone, or the model around one, from a checkpoint; see :func:`cnxv2_mm.checkpoints.load.load`.

    Args:
        checkpoint: A file, an address or a name of ``cnxv2_mm.zoo``, in any dialect.
        prefix: What stands before the names of the network in the file; needed if the file holds several networks.
        entry: The entry of the file that holds the weights; None for the averaged weights, if the file has any.
        trust_pickle: Read the file even if it then runs code that is in it.
        grn: 'drop' loads a file with GRN into a backbone without it, 'add' the other way, for table 2f of the paper.
        stem: 'inflate' spreads the stem of a file for three input channels over those of the backbone.
        map_location: Has no effect; mmengine's own initialiser has it. Tensors are copied to the device of the model.
    """

    def __init__(
        self,
        checkpoint: str,
        prefix: str | None = None,
        entry: str | None = None,
        trust_pickle: bool = False,
        map_location: str = "cpu",
        grn: str | None = None,
        stem: str | None = None,
    ) -> None:
        self.checkpoint = checkpoint
        self.prefix = prefix
        self.entry = entry
        self.trust_pickle = trust_pickle
        self.grn = grn
        self.stem = stem

    def __call__(self, module: nn.Module) -> None:
        """Fill ``module``; raises what :func:`cnxv2_mm.checkpoints.load.load` does."""
        load(module, self.checkpoint, self.prefix, self.entry, self.trust_pickle, self.grn, self.stem)
        if hasattr(module, "_params_init_info"):
            update_init_info(module, init_info=f"Pretrained: load from {self.checkpoint}")
