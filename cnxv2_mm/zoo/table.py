"""All published ConvNeXt weights that our network can hold, by name."""

from types import MappingProxyType

from cnxv2_mm.zoo import convnext_weights, convnextv2_weights, torchvision_weights
from cnxv2_mm.zoo.weight import Weight

WEIGHTS: dict[str, Weight] = {
    weight.name: weight
    for rows in (convnextv2_weights.weights(), convnext_weights.weights(), torchvision_weights.weights())
    for weight in rows
}
# timm's names of the weights that have a short one, ``convnextv2_tiny.fcmae`` for ``convnextv2_tiny_fcmae``. They mean
# timm's file, the short ones the official file.
TIMM_NAMES = MappingProxyType(
    {
        file.hub_id.removeprefix("timm/"): weight
        for weight in WEIGHTS.values()
        if (file := weight.files.get("timm")) and file.hub_id and file.hub_id != f"timm/{weight.name}"
    }
)
