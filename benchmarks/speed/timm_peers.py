"""timm's ``convnextv2_*``, which has no mask, and no norms behind its maps."""

from typing import Any

from torch import Tensor, nn

from benchmarks.speed.peer import Network, Peer, PeerUnavailable, Weights, Workload, gradients_of
from cnxv2_mm.checkpoints import DIALECTS
from cnxv2_mm.checkpoints.translate import from_ours, to_ours
from cnxv2_mm.variants import find_variant


class TimmConvNeXt(Network):
    """timm's backbone; with four outputs, each is followed by timm's own ``LayerNorm2d``."""

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        try:
            import timm
            from timm.layers.norm import LayerNorm2d
        except ImportError as error:
            raise PeerUnavailable(f"timm cannot be imported: {error}") from error
        variant = find_variant(workload.arch)
        options: dict[str, Any] = {}
        if isinstance(workload.arch, str):
            name = f"convnextv2_{workload.arch}"
        else:
            name, options = "convnextv2_tiny", {"depths": variant.depths, "dims": variant.channels}
        if not timm.is_model(name):
            raise PeerUnavailable(f"timm has no {name}")
        self.body: Any = timm.create_model(name, pretrained=False, num_classes=0, **options)
        self.body.head = nn.Identity()
        inside = {
            name: tensor
            for name, tensor in workload.weights.items()
            if name.startswith(("backbone.stages.", "backbone.downsample_layers."))
        }
        self.body.load_state_dict(from_ours(inside, DIALECTS["timm"]).tensors)
        self.norms = nn.ModuleDict()
        if workload.benchmark == "backbone":
            for i, width in enumerate(variant.channels):
                norm = self.norms[f"norm{i}"] = LayerNorm2d(width, eps=1e-6)
                parameters = {name: workload.weights[f"backbone.norm{i}.{name}"] for name in ("weight", "bias")}
                norm.load_state_dict(parameters)

    def forward(self, images: Tensor, visible: Tensor | None = None) -> tuple[Tensor, ...]:
        if not self.norms:
            return (self.body.forward_features(images),)
        maps = self.body.forward_intermediates(images, intermediates_only=True)
        return tuple(norm(x) for norm, x in zip(self.norms.values(), maps, strict=True))

    def gradients(self) -> Weights:
        body = to_ours(gradients_of(self.body)).tensors
        return body | {f"backbone.{name}": gradient for name, gradient in gradients_of(self.norms).items()}


def _peers(computes: str) -> tuple[Peer, Peer]:
    return (
        Peer("timm", f"timm convnextv2{computes}", TimmConvNeXt, hides=False),
        Peer(
            "timm_channels_last",
            f"timm convnextv2, channels last{computes}",
            TimmConvNeXt,
            hides=False,
            channels_last=True,
        ),
    )


ENCODERS = _peers(": every patch, no mask")
BACKBONES = _peers(", with its LayerNorm2d behind each map")
