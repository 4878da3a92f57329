"""From a checkpoint to the network in it, whatever library wrote it; its architecture is read off the tensors.

What no tensor shows is assumed: GRN with the paper's parts, norms with eps 1e-6 unless it is known to be another, no
dilation, patches of 32 pixels, normalised pixels, and 16 attention heads in a Transformer decoder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from cnxv2_mm.analysis.activations import blocks, watch
from cnxv2_mm.backbone import LAYER_NORM_EPS, ConvNeXtV2
from cnxv2_mm.checkpoints.architecture import Architecture, infer_decoder
from cnxv2_mm.checkpoints.backbone import arguments_of
from cnxv2_mm.checkpoints.read import read_network
from cnxv2_mm.fcmae import FCMAE
from cnxv2_mm.variants import NUM_STAGES

_ENCODER_ALONE = "measure its encoder alone: --prefix backbone."


@dataclass(frozen=True)
class Source:
    """Where a network comes from, and what is known of it.

    Attributes:
        label: What tables and legends call it.
        checkpoint: The file, address or name.
        dialect: The library whose names the checkpoint has.
        architecture: What its tensors show of it.
        final_norm: Whether it has the norm behind the pooled last stage; those of FCMAE have none.
    """

    label: str
    checkpoint: str
    dialect: str
    architecture: Architecture
    final_norm: bool


@dataclass(frozen=True)
class Network:
    """A network to measure, in evaluation mode.

    Attributes:
        source: Where it comes from.
        backbone: The encoder.
        final_norm: The norm behind the pooled last stage; None if the checkpoint has none.
        pre_trainer: The encoder with its decoder; None if the checkpoint has no decoder.
    """

    source: Source
    backbone: ConvNeXtV2
    final_norm: nn.Module | None
    pre_trainer: FCMAE | None

    def features(self, images: Tensor) -> Tensor:
        """Return the last stage, averaged over each image, behind the final norm if there is one, (N, D)."""
        name, last = list(blocks(self.backbone).items())[-1]
        seen: list[Tensor] = []
        with watch({name: last}, lambda _, cells: seen.append(cells.flatten(1, -2).mean(dim=1)), side="output"):
            self.backbone(images)
        return seen[0] if self.final_norm is None else self.final_norm(seen[0])


def load_network(
    checkpoint: str,
    label: str = "",
    device: torch.device | str = "cpu",
    prefix: str | None = None,
    entry: str | None = None,
    trust_pickle: bool = False,
) -> Network:
    """Build the network of a checkpoint and fill it.

    Args:
        checkpoint: A file, an address or a name of ``cnxv2_mm.zoo``, in any dialect. See
            :func:`cnxv2_mm.checkpoints.read.read_network` for it and for ``prefix``, ``entry`` and ``trust_pickle``.
        label: What tables and legends call it; the checkpoint itself if empty.
        device: Where to run it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read, does not hold one whole ConvNeXt, or its decoder is none of ours.
    """
    file, architecture, _ = read_network(checkpoint, prefix, entry, trust_pickle)
    tensors = {name: tensor.float() for name, tensor in file.tensors.items()}
    try:
        backbone = _build_backbone(architecture, tensors)
        final_norm = _build_final_norm(architecture, tensors)
        pre_trainer = _build_pre_trainer(backbone, tensors)
    except ValueError as error:
        raise ValueError(f"checkpoint={checkpoint!r}: {error}") from error
    for module in (backbone, final_norm, pre_trainer):
        if module is not None:
            module.to(device).eval()
    source = Source(label or checkpoint, checkpoint, file.dialect.name, architecture, final_norm is not None)
    return Network(source, backbone, final_norm, pre_trainer)


def _build_backbone(architecture: Architecture, tensors: Mapping[str, Tensor]) -> ConvNeXtV2:
    last = len(architecture.depths) - 1
    # An output builds no stages behind it; all four are built without one.
    out_indices = (last,) if last < NUM_STAGES - 1 else ()
    backbone = ConvNeXtV2(**{**arguments_of(architecture), "out_indices": out_indices})
    _fill(backbone, tensors, "backbone.", optional=(f"norm{last}.weight", f"norm{last}.bias"))
    return backbone


def _build_final_norm(architecture: Architecture, tensors: Mapping[str, Tensor]) -> nn.Module | None:
    prefix = f"backbone.norm{len(architecture.depths) - 1}."
    if f"{prefix}weight" not in tensors:
        return None
    norm = nn.LayerNorm(architecture.channels[-1], eps=architecture.norm_eps or LAYER_NORM_EPS)
    _fill(norm, tensors, prefix)
    return norm


def _build_pre_trainer(backbone: ConvNeXtV2, tensors: Mapping[str, Tensor]) -> FCMAE | None:
    if not any(name.startswith("decoder.") for name in tensors):
        return None
    if backbone.num_stages < NUM_STAGES:
        raise ValueError(f"it has a decoder, but not all stages; {_ENCODER_ALONE}")
    pre_trainer = FCMAE(backbone, infer_decoder(tensors))
    _fill(pre_trainer.decoder, tensors, "decoder.")
    return pre_trainer


def _fill(module: nn.Module, tensors: Mapping[str, Tensor], prefix: str, optional: Sequence[str] = ()) -> None:
    """Copy the tensors behind a prefix into a module; each of its own must be there but for the optional ones."""
    inside = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    lacking = [name for name in module.state_dict() if name not in inside and name not in optional]
    if lacking:
        raise ValueError(f"its {prefix[:-1]} lacks {', '.join(lacking[:5])}; {_ENCODER_ALONE}")
    module.load_state_dict({name: inside[name] for name in module.state_dict() if name in inside})


def short_labels(checkpoints: Sequence[str]) -> list[str]:
    """Name each checkpoint by its file, with as many of the folders above it as tell it from the others.

    Raises:
        ValueError: One is named twice.
    """
    if len(set(checkpoints)) < len(checkpoints):
        twice = next(one for one in checkpoints if checkpoints.count(one) > 1)
        raise ValueError(f"checkpoint {twice!r} is named twice; name each once")
    parts = [Path(one).parts for one in checkpoints]
    for depth in range(1, max(map(len, parts)) + 1):
        labels = ["/".join((*one[-depth:-1], Path(one[-1]).stem)) for one in parts]
        if len(set(labels)) == len(labels):
            return labels
    return list(checkpoints)  # they differ in their endings
