"""The same networks in other libraries, every parameter drawn at random, GRN and norms too."""

import math
from collections.abc import Callable
from importlib.util import find_spec

import timm
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.convnext import CNBlockConfig

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.checkpoints.dialects import DIALECTS
from cnxv2_mm.checkpoints.translate import from_ours, to_ours
from cnxv2_mm.variants import VARIANTS, Variant

SMALL = Variant((1, 1, 2, 1), (8, 16, 24, 32))
CLASSES = 10
# What the classes of the libraries can be: with GRN (V2), with layer scale (V1).
HOLDS_V2 = [name for name in DIALECTS if name not in ("torchvision", "dinov3")]
HOLDS_V1 = [name for name in DIALECTS if name != "official-sparse"]
FORMS = [(name, v1) for v1, names in ((False, HOLDS_V2), (True, HOLDS_V1)) for name in names]
# What of random_network() they have no place for.
LACKS = {
    "official-sparse": ("backbone.norm3.", "head."),
    "timm-features": ("backbone.norm3.", "head."),
    "dinov3": ("head.",),
}
HOLDS_CLASSIFIER = [name for name in DIALECTS if name not in LACKS]


def randomise(model: nn.Module) -> nn.Module:
    """Draws every parameter of a model, which may be on the meta device, so that signals keep their size."""
    model = model.to_empty(device="cpu").eval()
    for name, parameter in model.named_parameters():
        with torch.no_grad():
            if parameter.ndim > 1 and "grn" not in name:
                bound = math.sqrt(3 / parameter[0].numel())
                parameter.uniform_(-bound, bound)
            elif "norm" in name and name.endswith("weight"):
                parameter.uniform_(0.5, 1.5)
            else:
                parameter.uniform_(-0.7, 0.7)
    return model


def find_size(arch: str | Variant) -> Variant:
    return VARIANTS[arch] if isinstance(arch, str) else arch


def build_timm(arch: str | Variant, v1: bool = False) -> nn.Module:
    size = find_size(arch)
    name = f"convnext{'' if v1 else 'v2'}_{arch if isinstance(arch, str) else 'tiny'}"
    options = {} if isinstance(arch, str) else {"depths": size.depths, "dims": size.channels}
    return timm.create_model(name, pretrained=False, num_classes=CLASSES, **options)


def build_timm_features(arch: str | Variant, v1: bool = False) -> nn.Module:
    size = find_size(arch)
    name = f"convnext{'' if v1 else 'v2'}_{arch if isinstance(arch, str) else 'tiny'}"
    options = {} if isinstance(arch, str) else {"depths": size.depths, "dims": size.channels}
    return timm.create_model(name, pretrained=False, features_only=True, **options)


def build_torchvision(arch: str | Variant, v1: bool = True) -> nn.Module:
    assert v1, "torchvision has no V2"
    depths, channels = (size := find_size(arch)).depths, size.channels
    stages = [CNBlockConfig(*row) for row in zip(channels, (*channels[1:], None), depths, strict=True)]
    return torchvision.models.ConvNeXt(stages, num_classes=CLASSES)


def build_dinov3(arch: str | Variant, v1: bool = True) -> nn.Module:
    import transformers

    assert v1, "DINOv3 has no V2"
    size = find_size(arch)
    config = transformers.DINOv3ConvNextConfig(hidden_sizes=list(size.channels), depths=list(size.depths))
    return transformers.DINOv3ConvNextModel(config)


def build_hugging_face(arch: str | Variant, v1: bool = False) -> nn.Module:
    import transformers

    size = find_size(arch)
    kind = "ConvNext" if v1 else "ConvNextV2"
    config = getattr(transformers, f"{kind}Config")(
        hidden_sizes=list(size.channels), depths=list(size.depths), num_labels=CLASSES
    )
    return getattr(transformers, f"{kind}ForImageClassification")(config)


def build_mmpretrain(arch: str | Variant, v1: bool = False, backbone: str = "mmpretrain.ConvNeXt") -> nn.Module:
    import mmpretrain.models  # noqa: F401  (registers)
    from mmengine.registry import MODELS, DefaultScope

    size = find_size(arch)
    network = {
        "type": backbone,
        "arch": {"depths": list(size.depths), "channels": list(size.channels)},
        "out_indices": -1 if backbone == "cnxv2_mm.ConvNeXtV2" else (3,),
        "gap_before_final_norm": True,
        "use_grn": not v1,
        "layer_scale_init_value": 1e-6 if v1 else 0.0,
    }
    head = {"type": "mmpretrain.LinearClsHead", "num_classes": CLASSES, "in_channels": size.channels[-1]}
    with DefaultScope.overwrite_default_scope("mmpretrain"):
        return MODELS.build({"type": "mmpretrain.ImageClassifier", "backbone": network, "head": head})


BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "timm": build_timm,
    "timm-features": build_timm_features,
    "torchvision": build_torchvision,
    "huggingface": build_hugging_face,
    "dinov3": build_dinov3,
    "mmpretrain": build_mmpretrain,
}
if not find_spec("transformers"):  # the original mmpretrain cannot be imported beside it: requirements/original.txt
    del BUILDERS["huggingface"], BUILDERS["dinov3"]


def build(library: str, arch: str | Variant, v1: bool = False) -> nn.Module:
    """A network of one of :data:`BUILDERS`, with a classifier if the library has one for it."""
    # mmpretrain asks its drop rates for numbers, which tensors of the meta device do not have
    with torch.device("cpu" if library == "mmpretrain" else "meta"):
        model = BUILDERS[library](arch, v1)
    return randomise(model)


def maps_of(library: str, model: nn.Module, images: Tensor) -> list[Tensor]:
    """The four stages' maps, before any norm."""
    if library == "timm":
        return model.forward_intermediates(images, intermediates_only=True)
    if library == "timm-features":
        return model(images)
    if library == "huggingface":
        (network,) = (m for n, m in model.named_children() if n.startswith("convnext"))
        return list(network(images, output_hidden_states=True).hidden_states[1:])
    if library == "dinov3":
        return list(model(images, output_hidden_states=True).hidden_states[1:])
    maps = []
    if library == "torchvision":
        for layer in model.features:
            images = layer(images)
            maps.append(images)
        return maps[1::2]
    backbone = model.backbone
    for downsampling, stage in zip(backbone.downsample_layers, backbone.stages, strict=True):
        images = stage(downsampling(images))
        maps.append(images)
    return maps


def result_of(library: str, model: nn.Module, images: Tensor) -> list[Tensor]:
    """What stands behind the maps: logits, or the pooled and normed map; nothing if the library has neither."""
    if library == "timm-features":
        return []
    if library == "mmpretrain":
        return [model(images, mode="tensor")]
    result = model(images)
    field = {"huggingface": "logits", "dinov3": "pooler_output"}.get(library)
    return [getattr(result, field) if field else result]


def build_ours(size: Variant, v1: bool = False, **options: object) -> ConvNeXtV2:
    """A backbone without tensors yet: on the meta device."""
    form = {"use_grn": False, "layer_scale_init_value": 1e-6} if v1 else {}
    with torch.device("meta"):
        return ConvNeXtV2({"depths": size.depths, "channels": size.channels}, **form, **options).eval()


def random_network(size: Variant = SMALL, v1: bool = False, classes: int = CLASSES) -> dict[str, Tensor]:
    """A random network with a final norm and a classifier, by our names."""
    backbone = randomise(build_ours(size, v1, out_indices=(3,)))
    tensors = {f"backbone.{name}": tensor for name, tensor in backbone.state_dict().items()}
    head = randomise(nn.Linear(size.channels[-1], classes)).state_dict()
    return tensors | {f"head.fc.{name}": tensor for name, tensor in head.items()}


def random_decoder(size: Variant = SMALL, width: int = 16) -> dict[str, Tensor]:
    """A random FCMAE decoder, by our names."""
    from cnxv2_mm import FCMAEDecoder

    decoder = randomise(FCMAEDecoder(size.channels[-1], 32 * 32 * 3, width=width))
    return {f"decoder.{name}": tensor for name, tensor in decoder.state_dict().items()}


def network_for(dialect: str, **options: object) -> dict[str, Tensor]:
    """A random network that the dialect can hold, with GRN if it can hold that."""
    return random_network(v1=dialect not in HOLDS_V2, **options)


def held_by(dialect: str, network: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those tensors of a network that the dialect has a place for."""
    return {name: tensor for name, tensor in network.items() if not name.startswith(LACKS.get(dialect, ()))}


def in_dialect(tensors: dict[str, Tensor], dialect: str) -> dict[str, Tensor]:
    """A network by our names, in another dialect."""
    return from_ours(tensors, DIALECTS[dialect]).tensors


def in_ours(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """A checkpoint of any dialect, by our names."""
    return to_ours(tensors).tensors
