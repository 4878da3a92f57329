"""``init_cfg=dict(type='cnxv2_mm.Pretrained', ...)``: weights of any dialect, from a config.

mmengine's own initialiser loads what fits and logs the rest, so a misspelt prefix trains from random weights unseen.
"""

from mmengine.model import update_init_info
from torch import nn

from cnxv2_mm.checkpoints.load import load
from cnxv2_mm.registry import WEIGHT_INITIALIZERS


@WEIGHT_INITIALIZERS.register_module()
class Pretrained:
    """Starts a backbone, or the model around one, from a checkpoint; see :func:`cnxv2_mm.checkpoints.load.load`.

    Args:
        checkpoint: A file, an address or a name in ``cnxv2_mm.zoo``, in any dialect.
        prefix: What stands before the network's names in the file; needed if there are several networks.
        entry: The entry of the file that holds the weights; None for the averaged ones, if there are any.
        trust_pickle: Read the file even if that runs code which is in it.
        map_location: Accepted because mmengine's own initialiser has it; tensors go where the model is.
    """

    def __init__(
        self,
        checkpoint: str,
        prefix: str | None = None,
        entry: str | None = None,
        trust_pickle: bool = False,
        map_location: str = "cpu",
    ) -> None:
        self.checkpoint = checkpoint
        self.prefix = prefix
        self.entry = entry
        self.trust_pickle = trust_pickle

    def __call__(self, module: nn.Module) -> None:
        """Fill ``module``; raises what :func:`cnxv2_mm.checkpoints.load.load` does."""
        load(module, self.checkpoint, self.prefix, self.entry, self.trust_pickle)
        if hasattr(module, "_params_init_info"):
            update_init_info(module, init_info=f"Pretrained: load from {self.checkpoint}")
