"""mmpretrain: ``ConvNeXt`` as detectors use it, and ``SparseConvNeXt``, the engine of its SparK."""

from functools import cache

import torch
from mmengine.registry import MODELS, DefaultScope
from torch import Tensor, nn

from benchmarks.speed.peer import Network, Peer, PeerUnavailable, Weights, Workload, gradients_of
from cnxv2_mm import FCMAE
from cnxv2_mm.checkpoints import DIALECTS
from cnxv2_mm.checkpoints.translate import from_ours, to_ours
from cnxv2_mm.masking import enlarge
from cnxv2_mm.variants import find_variant


@cache
def import_failure() -> str | None:
    """Return why mmpretrain cannot be imported, or None. Beside transformers 5 it is a TypeError of its own classes.

    Asked once: what a failed import has registered cannot be registered again, which would be told as the reason.
    """
    try:
        import mmpretrain.models  # noqa: F401  (registers)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def build_body(kind: str, workload: Workload, **options: object) -> nn.Module:
    """Return a network of mmpretrain's registry with the weights of the workload."""
    if reason := import_failure():
        raise PeerUnavailable(f"mmpretrain cannot be imported: {reason}")
    variant = find_variant(workload.arch)
    arch = {"depths": list(variant.depths), "channels": list(variant.channels)}
    config = {"type": f"mmpretrain.{kind}", "arch": arch, "use_grn": True, "layer_scale_init_value": 0.0, **options}
    with DefaultScope.overwrite_default_scope("mmpretrain"):
        body = MODELS.build(config)
    backbone = {name: tensor for name, tensor in workload.weights.items() if name.startswith("backbone.")}
    theirs = from_ours(backbone, DIALECTS["mmpretrain"])
    body.load_state_dict({name.removeprefix("backbone."): tensor for name, tensor in theirs.tensors.items()})
    return body


class MMPretrainConvNeXt(Network):
    """``mmpretrain.ConvNeXt``: four maps and their norms, or the last map before its norm."""

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        if workload.benchmark == "backbone":
            self.body = build_body("ConvNeXt", workload, out_indices=[0, 1, 2, 3], gap_before_final_norm=False)
        else:
            # Its norm, which the encoder of the pre-training has not, gets weights that are thrown away.
            width = workload.channels[-1]
            norm = {"backbone.norm3.weight": torch.ones(width), "backbone.norm3.bias": torch.zeros(width)}
            workload = Workload(**{**vars(workload), "weights": workload.weights | norm})
            self.body = build_body("ConvNeXt", workload, out_indices=[3], gap_before_final_norm=False)
            self.body.norm3 = nn.Identity()

    def forward(self, images: Tensor, visible: Tensor | None = None) -> tuple[Tensor, ...]:
        return self.body(images)

    def gradients(self) -> Weights:
        return to_ours(gradients_of(self.body)).tensors


class SparKEncoder(Network):
    """``mmpretrain.SparseConvNeXt`` on images whose hidden patches are blackened, as its ``SparK`` calls it.

    It offers what FCMAE asks of a backbone, so that the same decoder and loss can follow it.
    """

    in_channels = 3
    out_indices = ()

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        self.num_features = workload.channels[-1]
        self.body = build_body("SparseConvNeXt", workload, out_indices=[3], gap_before_output=False)

    def forward(self, images: Tensor, visible: Tensor | None) -> tuple[Tensor, ...]:
        from mmpretrain.models.utils import SparseHelper

        if visible is None:
            raise ValueError("visible=None: SparK's network needs a mask")
        SparseHelper._cur_active = visible.unsqueeze(1)  # a global that its layers read
        return self.body(images * enlarge(visible, 32).unsqueeze(1))

    def encode_visible(self, images: Tensor, visible: Tensor, layout: str, num_visible: int) -> Tensor:
        (features,) = self(images, visible)
        return features

    def gradients(self) -> Weights:
        return to_ours(gradients_of(self.body)).tensors


class SparKStep(Network):
    """Our FCMAE around mmpretrain's sparse encoder.

    Its own pre-trainer, ``SparK``, has another decoder (up-convolutions with batch norm), hence another loss.
    """

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        self.encoder = SparKEncoder(workload)
        self.model = FCMAE(self.encoder, mask_ratio=workload.hidden_share)
        decoder = {name: tensor for name, tensor in workload.weights.items() if name.startswith("decoder.")}
        self.model.decoder.load_state_dict({name.removeprefix("decoder."): t for name, t in decoder.items()})

    def forward(self, images: Tensor, visible: Tensor | None = None) -> tuple[Tensor, ...]:
        return (self.model.loss(images)["loss"],)

    def gradients(self) -> Weights:
        decoder = {f"decoder.{name}": gradient for name, gradient in gradients_of(self.model.decoder).items()}
        return self.encoder.gradients() | decoder


def without_hidden_bias(weights: Weights) -> Weights:
    """Return the weights with the biases of the encoder's ``pwconv1`` zero.

    Its hidden cells hold ``gelu(bias)`` when GRN sums over the image. With zero biases they hold zeros, whose
    gradient is zero as well, and its numbers are ours; the work is the same whatever the biases are.
    """
    hidden = [name for name in weights if name.startswith("backbone.") and name.endswith("pwconv1.bias")]
    return weights | {name: torch.zeros_like(weights[name]) for name in hidden}


_DENSE = "every patch, no mask"
ENCODERS = (
    Peer(
        "spark",
        "mmpretrain's SparK engine: all cells, hidden ones zeroed; same numbers while pwconv1's biases are 0, as here",
        SparKEncoder,
        compilable=False,  # its boolean indexing asks the device for shapes, its mask is a class attribute
        adapt=without_hidden_bias,
    ),
    Peer("mmpretrain", f"mmpretrain.ConvNeXt: {_DENSE}", MMPretrainConvNeXt, hides=False),
    Peer(
        "mmpretrain_channels_last",
        f"mmpretrain.ConvNeXt, channels last: {_DENSE}",
        MMPretrainConvNeXt,
        hides=False,
        channels_last=True,
    ),
)
BACKBONES = (
    Peer("mmpretrain", "mmpretrain.ConvNeXt as configs build it", MMPretrainConvNeXt, hides=False),
    Peer(
        "mmpretrain_channels_last",
        "mmpretrain.ConvNeXt, channels last",
        MMPretrainConvNeXt,
        hides=False,
        channels_last=True,
    ),
)
STEPS = (
    Peer(
        "spark",
        "FCMAE around mmpretrain's SparK engine; same numbers while pwconv1's biases are 0, as here",
        SparKStep,
        compilable=False,
        adapt=without_hidden_bias,
    ),
)
