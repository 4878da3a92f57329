"""ConvNeXt V2: images to feature maps of strides 4, 8, 16 and 32, or less where a segmenter wants finer ones.

Source: ConvNeXt V2 (arXiv 2301.00808), facebookresearch/ConvNeXt-V2 @ 2553895 (models/convnextv2.py), whose parameter
names these are; with ``use_grn=False`` and a layer scale it is ConvNeXt V1 (facebookresearch/ConvNeXt @ 048efce).
Code Apache-2.0, written for this package; the published weights are CC-BY-NC 4.0. What differs:

- The block is written once, and asks a layout where the cells are: the dense backbone and the masked encoder of the
  pre-training are the same modules (the official code has two copies, whose GRN differ).
- GRN's ``gamma`` and ``beta`` are vectors.
- The classifier is not here: OpenMMLab's heads follow the maps, each of which has a norm of its own, ``norm{i}``.

Shape letters: N images, C channels, H x W cells.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from cnxv2_mm.arguments import check_argument, check_count
from cnxv2_mm.feature_norms import build_feature_norm
from cnxv2_mm.init_cfg import make_strict
from cnxv2_mm.kernels import grn_mlp, is_traced, layer_norm, leave_to_compiler, may_bypass
from cnxv2_mm.layer_depth import convnext_layer_depth
from cnxv2_mm.layers import GRN, GRN_EPS, DropPath, check_drop_path_rate
from cnxv2_mm.layouts import Dense, Layout, MaskedLayout, find_masked_layout
from cnxv2_mm.masking import find_patch_size
from cnxv2_mm.registry import MODELS
from cnxv2_mm.variants import LAST_STRIDE, NUM_STAGES, STEM_STRIDE, STRIDES, find_variant

LAYER_NORM_EPS = 1e-6


def initialise(module: nn.Module) -> None:
    """Draw the weights of a convolution or linear layer from a normal (std 0.02, cut at 2) and set its bias to zero.

    Other modules stay as they are.
    """
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class ConvNeXtV2Block(nn.Module):
    """Depthwise 7 x 7 convolution, then an MLP of four times the width with GRN inside, and a residual connection.

    Args:
        channels: Number of channels, C.
        drop_path_rate: Probability of dropping the branch of an image in training, in [0, 1).
        use_grn: False leaves GRN out: a block of ConvNeXt V1.
        layer_scale_init_value: First value of V1's per-channel scale of the branch; 0 leaves the scale out.
        dilation: Cells between the taps of the convolution, 1 for neighbours; the map keeps its size.
        grn: What stands in the place of GRN, see :func:`cnxv2_mm.feature_norms.build_feature_norm`.
        norm_eps: The eps of the layer norm.
    """

    def __init__(
        self,
        channels: int,
        drop_path_rate: float = 0.0,
        use_grn: bool = True,
        layer_scale_init_value: float = 0.0,
        dilation: int = 1,
        grn: str | Mapping[str, Any] = "grn",
        norm_eps: float = LAYER_NORM_EPS,
    ) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(
            channels, channels, kernel_size=7, padding=3 * dilation, dilation=dilation, groups=channels
        )
        self.norm = nn.LayerNorm(channels, eps=norm_eps)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.grn = build_feature_norm(grn, 4 * channels, use_grn)
        self.pwconv2 = nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.full((channels,), layer_scale_init_value)) if layer_scale_init_value else None
        self.drop_path = DropPath(drop_path_rate)

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """Transform the cells ``x`` that ``layout`` describes; the result has the shape and layout of ``x``."""
        return self.transform(x, layout, self.drop_path(x, layout))

    def transform(self, x: Tensor, layout: Layout, factors: Tensor | None) -> Tensor:
        """Do all of :meth:`forward` but draw the ``factors`` of stochastic depth.

        The blocks of a stage differ in their rate of stochastic depth alone. So this is compiled once for all of them
        (``cnxv2_mm/training/compiling.py``).
        """
        y = self._mlp(layer_norm(layout.depthwise(x, self.dwconv), self.norm), layout)
        if self.gamma is not None:
            y = y * self.gamma
        return x + (y if factors is None else y * factors.to(y.dtype))

    def _mlp(self, y: Tensor, layout: Layout) -> Tensor:
        """Apply linear, GELU, GRN, linear: as one operation (``cnxv2_mm/kernels/grn_mlp.py``) wherever that may be."""
        linear1, grn, linear2 = self.pwconv1, self.grn, self.pwconv2
        if (
            isinstance(grn, GRN)
            and layout.is_batch_of_visible_cells
            and may_bypass((linear1, nn.Linear), (grn, GRN), (linear2, nn.Linear))
            and not leave_to_compiler(y)
        ):
            return grn_mlp(y, linear1.weight, linear1.bias, grn.gamma, grn.beta, linear2.weight, linear2.bias, GRN_EPS)
        y = F.gelu(linear1(y))
        return linear2(y if grn is None else grn(y, layout))


@MODELS.register_module()
class ConvNeXtV2(BaseModule):
    """The backbone, under the keyword names of ``mmpretrain.ConvNeXt``.

    Args:
        arch: A size by name, 'atto' to 'huge' (``cnxv2_mm.variants``), or ``dict(depths=..., channels=...)``.
        in_channels: Number of channels of the images.
        drop_path_rate: The rate of stochastic depth in the last block, in [0, 1); it grows linearly from 0 in the first
            block.
        out_indices: Stages whose maps :meth:`forward` returns, each 0 to 3 or counted from the end; one number means
            that stage alone. Stages behind the last of them are not built. ``()`` builds all four stages and no
            outputs: pre-training wants this, since each output brings a norm that it would not train.
        frozen_stages: How many stages, counted from the first, are not trained and run without stochastic depth, 0 to
            4. The stem belongs to the first stage; the norms of the frozen stages' outputs are frozen too.
        with_cp: Whether the inside of each block is computed again in the backward pass, to save memory.
        gap_before_final_norm: Whether each map is averaged over the image before its norm: outputs are (N, C), as
            classifiers want them.
        use_grn: Whether the blocks have GRN, or what ``grn`` puts in its place.
        layer_scale_init_value: The first value of V1's layer scale; 0 leaves the scale out. With ``use_grn=False`` and
            1e-6 this is ConvNeXt V1.
        output_stride: Pixels between the cells of the last stage: 32, or 16 or 8, which DeepLab and PSPNet ask of
            ResNets. Stages that would have a larger stride keep their resolution and dilate their convolutions by 2
            (4). Weights trained at 32 fit. Without GRN, every second (fourth) cell is exactly what it was at 32 if the
            sides are multiples of 32 pixels; if not, cells near the right and lower edge differ. GRN's norms sum over 4
            (16) times as many cells: dividing by their mean over channels takes out the growth, but not that the cells
            between differ a little from the others.
        grn: What stands in the place of GRN, for the paper's ablations: 'grn' for GRN itself; a dict with any of
            ``aggregation``, ``normalisation`` and ``residual`` for other parts of it; 'lrn', 'bn', 'ln', 'se' or 'cbam'
            for the baselines (``cnxv2_mm.feature_norms``). Only GRN itself runs fused.
        norm_eps: The eps of every layer norm, above 0: 1e-6 in the papers, 1e-5 in CLIP's xxlarge. GRN, and what
            stands in its place, keep theirs. No tensor shows it: set the one that the weights were trained with.
        init_cfg: Weights to start from, ``dict(type='Pretrained', checkpoint=...)``: a file, an address or a name in
            ``cnxv2_mm.zoo``, in any dialect (:class:`cnxv2_mm.checkpoints.Pretrained`, also under its own name). Every
            tensor of the backbone must be in the file; only output norms may be missing. None keeps the random
            initialisation (:func:`initialise`).

    Attributes:
        out_channels: Number of channels of each output.
        out_strides: Pixels between neighbouring cells of each output, at most ``output_stride``.
        num_features: Number of channels of the last stage.

    Raises:
        ValueError: An argument is outside its range.
    """

    def __init__(
        self,
        arch: str | Mapping[str, Sequence[int]] = "tiny",
        in_channels: int = 3,
        drop_path_rate: float = 0.0,
        out_indices: int | Sequence[int] = (0, 1, 2, 3),
        frozen_stages: int = 0,
        with_cp: bool = False,
        gap_before_final_norm: bool = False,
        use_grn: bool = True,
        layer_scale_init_value: float = 0.0,
        output_stride: int = LAST_STRIDE,
        grn: str | Mapping[str, Any] = "grn",
        norm_eps: float = LAYER_NORM_EPS,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(make_strict(init_cfg))
        variant = find_variant(arch)
        check_count("in_channels", in_channels)
        check_drop_path_rate(drop_path_rate)
        for name, value in (
            ("with_cp", with_cp),
            ("gap_before_final_norm", gap_before_final_norm),
            ("use_grn", use_grn),
        ):
            check_argument(name, value, bool, "True or False")
        check_argument("layer_scale_init_value", layer_scale_init_value, float, "a number; 0 leaves the scale out")
        check_argument("norm_eps", norm_eps, float, "a number above 0", lambda eps: 0 < eps < float("inf"))
        check_argument("output_stride", output_stride, int, "8, 16 or 32", STRIDES[1:].__contains__)
        self.depths = variant.depths
        self.channels = variant.channels
        self.in_channels = in_channels
        self.out_indices = _resolve_out_indices(out_indices)
        self.with_cp = with_cp
        self.gap_before_final_norm = gap_before_final_norm
        self.out_channels = tuple(self.channels[i] for i in self.out_indices)
        self.output_stride = output_stride
        strides = [min(stride, output_stride) for stride in STRIDES]
        dilations = [undilated // stride for undilated, stride in zip(STRIDES, strides, strict=True)]
        self.out_strides = tuple(strides[i] for i in self.out_indices)
        self.num_features = self.channels[-1]
        self.num_stages = max(self.out_indices, default=NUM_STAGES - 1) + 1
        check_argument(
            "frozen_stages",
            frozen_stages,
            int,
            f"a whole number in 0 ... {self.num_stages} (0 freezes nothing, 1 the stem and the first stage)",
            lambda n: 0 <= n <= self.num_stages,
        )
        self.frozen_stages = frozen_stages

        stem = nn.Sequential(
            nn.Conv2d(in_channels, self.channels[0], kernel_size=STEM_STRIDE, stride=STEM_STRIDE),
            nn.LayerNorm(self.channels[0], eps=norm_eps),
        )
        self.downsample_layers = nn.ModuleList([stem])
        for i in range(1, self.num_stages):
            before, after = self.channels[i - 1 : i + 1]
            conv = nn.Conv2d(
                before, after, kernel_size=2, stride=strides[i] // strides[i - 1], dilation=dilations[i - 1]
            )
            self.downsample_layers.append(nn.Sequential(nn.LayerNorm(before, eps=norm_eps), conv))

        rates = iter(torch.linspace(0, drop_path_rate, sum(self.depths), device="cpu").tolist())
        sizes = list(zip(self.depths, self.channels, dilations, strict=True))[: self.num_stages]
        self.stages = nn.ModuleList(
            nn.ModuleList(
                ConvNeXtV2Block(width, next(rates), use_grn, layer_scale_init_value, dilation, grn, norm_eps)
                for _ in range(depth)
            )
            for depth, width, dilation in sizes
        )
        for i in self.out_indices:
            self.add_module(f"norm{i}", nn.LayerNorm(self.channels[i], eps=norm_eps))
        self.apply(initialise)
        self._freeze()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute the maps of the stages in ``out_indices``.

        Args:
            images: (N, in_channels, height, width), at least ``output_stride`` pixels each way. Rows and columns that
                do not fill a cell of a stage are left out, as by convolutions without padding.

        Raises:
            ValueError: The images have another type, number of channels or dimensions, or are smaller than a cell.

        Returns:
            One (N, C, height / stride, width / stride) map for each output, high resolution first, in channels-last
            memory format; (N, C) with ``gap_before_final_norm``.
        """
        self._check(images)
        outputs = []
        for i, (x, _) in enumerate(self._encode(images, Dense.of(images))):
            if i in self.out_indices:
                norm = getattr(self, f"norm{i}")
                if self.gap_before_final_norm:
                    outputs.append(norm(x.mean(dim=(1, 2))))
                else:
                    outputs.append(norm(x).permute(0, 3, 1, 2))  # (N, H, W, C) -> (N, C, H, W)
        return tuple(outputs)

    def encode_visible(
        self, images: Tensor, visible: Tensor, layout: str = "packed", num_visible: int | None = None
    ) -> Tensor:
        """Encode each image from its visible patches alone.

        Args:
            images: (N, in_channels, h * p, w * p); the side p of a patch is a multiple of 32 pixels.
            visible: (N, h, w) booleans, True where the encoder may look; the same number of them in each image.
            layout: 'packed', 'masked_dense' or 'minkowski': how the cells are stored; the numbers are the same. Or
                'masked_input', the paper's "without sparse convolution": hidden pixels are zero, and all is computed.
            num_visible: The number of visible patches in each image, if the caller knows it. It is then neither read
                back from the device nor checked.

        Returns:
            The map of the last stage before any norm, (N, C, height / 32, width / 32), zero where hidden.

        Raises:
            ValueError: The shapes do not fit together, there are no images, they have different numbers of visible
                patches, or the backbone lacks stages or is dilated.
            ImportError: The layout is 'minkowski', and MinkowskiEngine cannot be imported.
        """
        *_, (x, last) = self._encode(images, self._hide(images, visible, layout, num_visible))
        return last.to_dense(x).permute(0, 3, 1, 2)

    def encode_visible_stages(
        self, images: Tensor, visible: Tensor, layout: str = "packed", num_visible: int | None = None
    ) -> tuple[Tensor, ...]:
        """Encode as :meth:`encode_visible` does; return the maps of all four stages, high resolution first."""
        stages = self._encode(images, self._hide(images, visible, layout, num_visible))
        return tuple(one.to_dense(x).permute(0, 3, 1, 2) for x, one in stages)

    def _hide(self, images: Tensor, visible: Tensor, layout: str, num_visible: int | None) -> MaskedLayout:
        """Check the arguments of :meth:`encode_visible`; return the layout of the first stage."""
        layout_class = find_masked_layout(layout)
        self._check(images)
        if self.num_stages < NUM_STAGES:
            raise ValueError(
                f"out_indices={self.out_indices} builds only {self.num_stages} of the {NUM_STAGES} stages; "
                "encoding visible patches needs all: use out_indices=()"
            )
        if self.output_stride != LAST_STRIDE:
            raise ValueError(
                f"output_stride={self.output_stride} lets the downsampling look across patches; encoding visible "
                f"patches needs output_stride={LAST_STRIDE}: pre-train with it, a dilated backbone loads the weights"
            )
        patch_size = find_patch_size(images, visible)
        if num_visible is None:
            counts = visible.flatten(1).sum(dim=1)
            num_visible = int(counts[0])
            if num_visible < 1 or (counts != num_visible).any():
                raise ValueError(
                    f"visible patches per image are {counts.tolist()}; each image needs the same number, at least one"
                )
        return layout_class.of_patches(visible, num_visible, patch_size)

    def get_layer_depth(self, param_name: str, prefix: str = "", strategy: str = "group") -> tuple[int, int]:
        """Return the place of a parameter in the order of layers, for layer-wise learning rates.

        Args:
            param_name: The full name of the parameter.
            prefix: What stands before this backbone's own names, such as 'backbone.'; a name that does not begin
                with it belongs to what follows the backbone.
            strategy: 'single', 'group' or 'stage', see :func:`cnxv2_mm.layer_depth.convnext_layer_depth`.
                mmpretrain's constructor does not give any; its rates are made for groups.

        Returns:
            The place, counted from 0, and the number of places.

        Raises:
            ValueError: The strategy is unknown, or the backbone has no such parameter.
        """
        name = param_name.removeprefix(prefix) if param_name.startswith(prefix) else "head"
        return convnext_layer_depth(name, self.depths, strategy)

    def train(self, mode: bool = True) -> "ConvNeXtV2":
        """Set training or evaluation mode; frozen stages stay in evaluation mode."""
        super().train(mode)
        self._freeze()
        return self

    def _encode(self, images: Tensor, layout: Layout) -> Iterator[tuple[Tensor, Layout]]:
        """Yield the cells behind each stage, and their layout."""
        stem: Any = self.downsample_layers[0]
        stem_conv, stem_norm = stem
        cells = layout.embed(images, stem_conv)
        # Under autocast PyTorch's norm returns float32: the first stage would add in float32, and the others would not.
        x = layer_norm(cells, stem_norm).to(cells.dtype)
        stages: Any = self.stages
        for i, stage in enumerate(stages):
            if i:
                downsampling: Any = self.downsample_layers[i]
                norm, conv = downsampling
                x, layout = layout.downsample(layer_norm(x, norm), conv)
            for block in stage:
                if self.with_cp and torch.is_grad_enabled():
                    x = checkpoint(block, x, layout, use_reentrant=False)
                else:
                    x = block(x, layout)
            yield x, layout

    def _freeze(self) -> None:
        """Keep the frozen stages and their output norms in evaluation mode and without gradients."""
        frozen = [*self.downsample_layers[: self.frozen_stages], *self.stages[: self.frozen_stages]]
        frozen += [getattr(self, f"norm{i}") for i in self.out_indices if i < self.frozen_stages]
        for module in frozen:
            module.eval()
            module.requires_grad_(False)

    def _check(self, images: Tensor) -> None:
        """Refuse images of another type, number of channels or dimensions, or smaller than a cell."""
        if is_traced():  # sizes are tensors then, and no recording holds a comparison
            return
        if not images.is_floating_point():
            raise ValueError(
                f"images of type {images.dtype} must be floating-point numbers; a data preprocessor with mean and std "
                "makes them, or images.float()"
            )
        if images.ndim != 4 or images.shape[1] != self.in_channels:
            raise ValueError(
                f"images of shape {tuple(images.shape)} must be (N, {self.in_channels}, height, width); "
                "set the backbone's in_channels to the number of channels of the images"
            )
        cell = min(STRIDES[self.num_stages - 1], self.output_stride)
        if min(images.shape[2:]) < cell:
            raise ValueError(
                f"images of {images.shape[2]} x {images.shape[3]} pixels are smaller than one cell of the last stage; "
                f"use at least {cell} pixels each way"
            )


def _resolve_out_indices(out_indices: int | Sequence[int]) -> tuple[int, ...]:
    """Return the stages counted from the front, in order, each once."""
    given = out_indices if isinstance(out_indices, Iterable) else (out_indices,)
    given = (given,) if isinstance(given, str) else tuple(given)
    if not all(type(i) is int and -NUM_STAGES <= i < NUM_STAGES for i in given):
        raise ValueError(f"out_indices={out_indices!r} must be among 0, 1, 2, 3 (or -4 ... -1, counted from the end)")
    resolved = sorted(i % NUM_STAGES for i in given)
    if len(set(resolved)) < len(resolved):
        raise ValueError(f"out_indices={out_indices!r} names a stage twice; name each once")
    return tuple(resolved)
