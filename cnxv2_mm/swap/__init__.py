"""ConvNeXt V2 in the place of the backbone of any OpenMMLab config.

The files in reading order. The swap itself:

- ``swap.py``: the whole of it, from one config to another
- ``refusal.py``: the error of a config that cannot be swapped
- ``dry_run.py``: builds and runs parts of a config without numbers; ``try_run`` keeps and logs what fails
- ``old_backbone.py``: runs the old backbone for the shapes of its maps, and what they are computed from
- ``cells.py``: on how fine a map each parameter of a network works
- ``config_keys.py``: all keys of necks and heads that the swap knows; a rule for a new neck is added here
- ``unused_maps.py``: leaves out maps that no neck or head uses
- ``stages.py``: finds the stages of ConvNeXt V2 that have the strides of the old maps
- ``necks_and_heads.py``: adapts necks and heads to the new maps, and runs them to see that they work
- ``channels.py``: the configs that a neck or head may have for other channels
- ``formats.py``: whether a part cannot read channels-last maps
- ``weights.py``: the weights that a task starts from, and the old ones that are no longer loaded
- ``image_statistics.py``: mean and standard deviation of the images that weights are for
- ``network.py``: the network that weights are for: its size, V1 or V2, its images
- ``preprocessing.py``: mean, deviation and channel order of the images
- ``optimizer.py``: AdamW with layer decay, and a schedule that suits it
- ``scheduler_hooks.py``: hooks that set learning rates besides the schedulers

The file that is written:

- ``short_config.py``: a config as a short file that inherits from another one
- ``differences.py``: what one config has that another has not
- ``target.py``: where the file may be written
- ``new_style.py``: configs in mmengine's new style, from which no file can inherit
"""

from cnxv2_mm.swap.differences import changes, differences
from cnxv2_mm.swap.refusal import SwapRefused
from cnxv2_mm.swap.short_config import short_config
from cnxv2_mm.swap.swap import Swap, swap_backbone, swap_config

__all__ = ["Swap", "SwapRefused", "changes", "differences", "short_config", "swap_backbone", "swap_config"]
