"""FCMAE, the fully convolutional masked autoencoder: hide, encode, decode, compare.

Source: ConvNeXt V2 (arXiv 2301.00808, section 3 and table 8), facebookresearch/ConvNeXt-V2 @ 2553895 (models/fcmae.py).
What differs:

- GRN's statistics are per image, as in the paper's JAX code; the official PyTorch port sums over the batch.
- The encoder keeps visible cells only (``cnxv2_mm/layouts/packed.py``), and the decoder predicts hidden patches only;
  the numbers are the same.
- Images may be rectangular and have any number of channels; the side of a patch may be any multiple of 32 pixels.

Shape letters: N images, C channels, h x w patches of p x p pixels, L = h * w, K visible ones; each patch is
r x r cells of the last stage, r = p / 32.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import cast

import torch
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.nn import functional as F

from cnxv2_mm.arguments import check_argument
from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.decoders import Decoder
from cnxv2_mm.kernels.rows import take_rows
from cnxv2_mm.layouts import find_masked_layout
from cnxv2_mm.masking import (
    count_visible,
    enlarge,
    patch_grid,
    patch_statistics,
    patchify,
    random_visible,
    split_patches,
    take_patches,
    unpatchify,
)
from cnxv2_mm.registry import MODELS
from cnxv2_mm.variants import LAST_STRIDE


@MODELS.register_module()
class FCMAE(BaseModel):
    """The model that pre-trains a backbone on images without labels.

    Its checkpoints hold the encoder as ``backbone.*``, which detectors load by that prefix.

    Masks are drawn from PyTorch's default generator; on several GPUs set mmengine's
    ``randomness=dict(seed=..., diff_rank_seed=True)``, so that each draws its own.

    Args:
        backbone: A :class:`~cnxv2_mm.backbone.ConvNeXtV2`, or its config. A config without ``out_indices`` gets
            ``()``: output norms would not be trained.
        decoder: The config of a decoder (``cnxv2_mm.decoders``), without ``type`` that of a
            :class:`~cnxv2_mm.decoders.FCMAEDecoder`; its channels follow from the backbone.
        data_preprocessor: An OpenMMLab data preprocessor, or its config: it normalises and stacks the images. Its
            ``mean`` and ``std`` have one number for each of the backbone's ``in_channels``, or one for all.
        mask_ratio: The share of the patches that are hidden, in (0, 1); ``int(L * (1 - mask_ratio))`` stay visible.
        patch_size: The side of a patch in pixels, a multiple of 32.
        norm_pix: Whether the pixels to predict are normalised to mean 0 and variance 1 within each patch.
        layout: How the encoder stores the cells, 'packed', 'masked_dense' or 'minkowski'; the numbers are the same. Or
            'masked_input', the paper's row "without sparse convolution": hidden pixels are zero, and all is computed.
        init_cfg: mmengine's initialisation of the whole model.

    Raises:
        ValueError: An argument is outside its range, or the backbone has outputs that pre-training cannot train.
        ImportError: The layout is 'minkowski', and MinkowskiEngine cannot be imported.
    """

    def __init__(
        self,
        backbone: nn.Module | dict,
        decoder: dict | None = None,
        data_preprocessor: nn.Module | dict | None = None,
        mask_ratio: float = 0.6,
        patch_size: int = 32,
        norm_pix: bool = True,
        layout: str = "packed",
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        check_argument("mask_ratio", mask_ratio, float, "a number between 0 and 1 (paper: 0.6)", lambda r: 0 < r < 1)
        multiple = f"a multiple of {LAST_STRIDE}, the backbone's stride"
        check_argument("patch_size", patch_size, int, multiple, lambda p: p > 0 and p % LAST_STRIDE == 0)
        check_argument("norm_pix", norm_pix, bool, "True or False")
        find_masked_layout(layout)
        built = MODELS.build({"out_indices": (), **backbone}) if isinstance(backbone, dict) else backbone
        if not hasattr(built, "encode_visible"):
            raise ValueError(
                f"a backbone of type {type(built).__name__} cannot encode visible patches alone; "
                "use type='cnxv2_mm.ConvNeXtV2'"
            )
        encoder = cast(ConvNeXtV2, built)
        if encoder.out_indices:
            raise ValueError(
                f"out_indices={encoder.out_indices} gives the backbone output norms that pre-training does not train; "
                "use out_indices=()"
            )
        _check_statistics(self.data_preprocessor, encoder.in_channels)
        self.data_preprocessor.register_forward_pre_hook(partial(_check_channels, encoder.in_channels))
        self.backbone = encoder
        decoder = {"type": "cnxv2_mm.FCMAEDecoder", **(decoder or {})}
        decoder_class = MODELS.get(decoder["type"]) if isinstance(decoder["type"], str) else decoder["type"]
        self._reads_all_stages: bool = getattr(decoder_class, "reads_all_stages", False)
        self.decoder: Decoder = MODELS.build(
            {
                "in_channels": encoder.channels if self._reads_all_stages else encoder.num_features,
                "out_channels": LAST_STRIDE**2 * encoder.in_channels,
                **decoder,
            }
        )
        self.mask_ratio = mask_ratio
        self.patch_size = patch_size
        self.norm_pix = norm_pix
        self.layout = layout

    def forward(
        self, inputs: Tensor, data_samples: Sequence[BaseDataElement] | None = None, mode: str = "tensor"
    ) -> Tensor | dict[str, Tensor] | list[BaseDataElement]:
        """Run the model in one of mmengine's modes.

        Args:
            inputs: The images, (N, C, h * p, w * p).
            data_samples: What the data set knows about each image; returned with the predictions. A field ``visible``,
                (h, w) booleans, says which patches the encoder sees; without it they are drawn at random.
            mode: 'loss', 'predict', or 'tensor' for the features of whole images.

        Returns:
            For 'loss' what :meth:`loss` returns, for 'predict' what :meth:`predict` returns, for 'tensor' the last
            stage's features, (N, C, height / 32, width / 32), with nothing hidden.

        Raises:
            ValueError: The mode is another one, or the images are not one (N, C, height, width) tensor.
        """
        if not isinstance(inputs, Tensor) or inputs.ndim != 4:
            got = f"shape {tuple(inputs.shape)}" if isinstance(inputs, Tensor) else f"type {type(inputs).__name__}"
            raise ValueError(
                f"images of {got} must be one (N, C, height, width) tensor; give the model a data preprocessor that "
                "stacks them, such as data_preprocessor=dict(type='cnxv2_mm.ImagePreprocessor', mean=[...], std=[...])"
            )
        if mode == "loss":
            return self.loss(inputs, data_samples)
        if mode == "predict":
            return self.predict(inputs, data_samples)
        if mode == "tensor":
            grid = patch_grid(inputs.shape[2], inputs.shape[3], self.patch_size)
            everything = torch.ones(inputs.shape[0], *grid, dtype=torch.bool, device=inputs.device)
            return self.backbone.encode_visible(inputs, everything, self.layout, num_visible=grid[0] * grid[1])
        raise ValueError(f"mode={mode!r} is unknown; choose one of 'loss', 'predict', 'tensor'")

    def loss(self, images: Tensor, data_samples: Sequence[BaseDataElement] | None = None) -> dict[str, Tensor]:
        """Return the mean squared error over hidden patches, as ``dict(loss=...)``.

        Which are hidden is drawn anew for each image, or given by the ``visible`` of its data sample.
        """
        visible, num_visible = self._hide(images, data_samples)
        return {"loss": self.reconstruction_loss(images, visible, num_visible)}

    def reconstruction_loss(self, images: Tensor, visible: Tensor, num_visible: int) -> Tensor:
        """Return the mean squared error over hidden patches, a scalar.

        Args:
            images: (N, C, h * p, w * p) images.
            visible: (N, h, w) booleans, False for the hidden patches.
            num_visible: Number of visible patches in each image.
        """
        decoded = self._encode_decode(images, visible, num_visible)
        _, hidden = split_patches(visible, num_visible)
        predictions = self.decoder.pred(_take(self._patches_of_cells(decoded), hidden))  # (N, L - K, r * r, 1024C)
        targets, _, _ = self._targets(take_patches(images, hidden, self.patch_size))
        return F.mse_loss(predictions.float(), self._cells_of_pixels(targets))

    @torch.no_grad()
    def predict(self, images: Tensor, data_samples: Sequence[BaseDataElement] | None = None) -> list[BaseDataElement]:
        """Paint the hidden patches of each image.

        Which are hidden, the ``visible`` of its data sample says. Without it, masks are random, but the same at every
        call: an image's mask, and so its result, then depends on its place in the batch.

        Args:
            images: (N, C, h * p, w * p) images.
            data_samples: A data sample for each image, or None for new ones.

        Returns:
            The data samples, with these fields:

            - ``reconstruction``, (C, height, width) in the units of the images: visible patches as they are, hidden
              ones as predicted. With ``norm_pix`` the mean and deviation of a hidden patch are taken from the image.
            - ``visible``, (h, w) booleans.
            - ``loss``: the mean squared error over hidden patches, as in training.
            - ``patch_mean_loss``: the same for a painter who knows the mean colour of each patch and nothing else.
        """
        generator = torch.Generator(images.device).manual_seed(0)
        visible, num_visible = self._hide(images, data_samples, generator)
        decoded = self._encode_decode(images, visible, num_visible)
        cells = self.decoder.pred(self._patches_of_cells(decoded)).float()  # (N, L, r * r, 1024C)
        patches = patchify(images, self.patch_size)
        targets, mean, deviation = self._targets(patches)
        errors = (cells - self._cells_of_pixels(targets)).square().mean(dim=(2, 3))  # (N, L)
        patch_means = targets.mean(dim=2, keepdim=True)
        patch_mean_errors = (targets - patch_means).square().mean(dim=2)
        seen = visible.flatten(1)
        painted = self._pixels_of_cells(cells) * deviation + mean
        grid = (visible.shape[1], visible.shape[2])
        whole = unpatchify(torch.where(seen.unsqueeze(-1), patches, painted), grid, self.patch_size)
        samples = list(data_samples) if data_samples is not None else [BaseDataElement() for _ in images]
        for i, sample in enumerate(samples):
            sample.set_data(
                {
                    "reconstruction": whole[i],
                    "visible": visible[i],
                    "loss": errors[i, ~seen[i]].mean(),
                    "patch_mean_loss": patch_mean_errors[i, ~seen[i]].mean(),
                }
            )
        return samples

    def _hide(
        self,
        images: Tensor,
        data_samples: Sequence[BaseDataElement] | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, int]:
        """Return the visible patches, (N, h, w), given or random, and how many there are in each image."""
        grid = patch_grid(images.shape[2], images.shape[3], self.patch_size)
        given = [sample.visible for sample in data_samples or () if "visible" in sample]
        if given:
            return _stack_visible(given, len(images), grid, images.device)
        num_visible = count_visible(grid[0] * grid[1], self.mask_ratio)
        return random_visible(images.shape[0], grid, num_visible, generator, images.device), num_visible

    def _encode_decode(self, images: Tensor, visible: Tensor, num_visible: int) -> Tensor:
        """Return the decoder's cells, (N, r * h, r * w, width), hidden ones filled in."""
        encode = self.backbone.encode_visible_stages if self._reads_all_stages else self.backbone.encode_visible
        features = encode(images, visible, self.layout, num_visible)
        return self.decoder(features, enlarge(visible, self.patch_size // LAST_STRIDE))

    def _targets(self, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what to predict for (N, M, p * p * C) patches, and the mean and deviation that lead back to pixels."""
        patches = patches.float()
        if not self.norm_pix:
            return patches, patches.new_zeros(()), patches.new_ones(())
        mean, deviation = patch_statistics(patches)
        return (patches - mean) / deviation, mean, deviation

    def _patches_of_cells(self, cells: Tensor) -> Tensor:
        """Put the cells of each patch together: (N, r * h, r * w, D) -> (N, L, r * r, D)."""
        r = self.patch_size // LAST_STRIDE
        tiles = cells.unflatten(2, (-1, r)).unflatten(1, (-1, r))  # (N, h, r, w, r, D)
        return tiles.transpose(2, 3).flatten(3, 4).flatten(1, 2)

    def _cells_of_pixels(self, patches: Tensor) -> Tensor:
        """Give each cell its own pixels: (N, M, p * p * C) patches -> (N, M, r * r, 1024C)."""
        r = self.patch_size // LAST_STRIDE
        tiles = patches.unflatten(2, (r, LAST_STRIDE, r, LAST_STRIDE, -1))  # (N, M, r, 32, r, 32, C)
        return tiles.transpose(3, 4).flatten(4).flatten(2, 3)

    def _pixels_of_cells(self, cells: Tensor) -> Tensor:
        """Put the pixels of cells together to patches, (N, M, p * p * C): the inverse of :meth:`_cells_of_pixels`."""
        r = self.patch_size // LAST_STRIDE
        tiles = cells.unflatten(3, (LAST_STRIDE, LAST_STRIDE, -1)).unflatten(2, (r, r))  # (N, M, r, r, 32, 32, C)
        return tiles.transpose(3, 4).flatten(2)


def _check_statistics(preprocessor: nn.Module, in_channels: int) -> None:
    """Refuse a normalisation for another number of channels."""
    for name in ("mean", "std"):
        numbers = getattr(preprocessor, name, None)
        if isinstance(numbers, Tensor) and numbers.numel() not in (1, in_channels):
            raise ValueError(
                f"the data preprocessor's {name} has {numbers.numel()} numbers, but the backbone in_channels="
                f"{in_channels}: give one for each channel, or one for all"
            )


def _check_channels(in_channels: int, preprocessor: nn.Module, args: tuple) -> None:
    """Refuse images of another number of channels, before the normalisation fails on them or repeats them.

    A single channel is let through: normalisation makes several of it, which is how grey images are read.
    """
    images = args[0].get("inputs") if args and isinstance(args[0], Mapping) else None
    for image in images if isinstance(images, Sequence) else [images]:
        if isinstance(image, Tensor) and image.ndim > 2 and image.shape[-3] not in (1, in_channels):
            raise ValueError(
                f"an image of shape {tuple(image.shape)} must have {in_channels} channels; set the backbone's "
                "in_channels, and mean and std of the data preprocessor, for the number of channels of the images"
            )


def _take(patches: Tensor, index: Tensor) -> Tensor:
    """Take those of each image's patches, (N, L, ...), whose positions are in ``index``, (N, M)."""
    n, num_patches = patches.shape[:2]
    places = torch.arange(n, device=patches.device).unsqueeze(1) * num_patches + index
    return take_rows(patches.flatten(0, 1), places.flatten()).unflatten(0, index.shape)


def _stack_visible(
    given: Sequence[Tensor], num_images: int, grid: tuple[int, int], device: torch.device
) -> tuple[Tensor, int]:
    """Stack the visible patches that data samples bring into (N, h, w); return them and their number in each image."""
    shapes = {tuple(visible.shape) for visible in given}
    if len(given) != num_images or shapes != {grid}:
        raise ValueError(
            f"{len(given)} of {num_images} data samples have a field 'visible', of shapes {sorted(shapes)}; "
            f"give each image one of shape {grid}, or none of them"
        )
    visible = torch.stack([torch.as_tensor(v, dtype=torch.bool) for v in given]).to(device)
    counts = set(visible.flatten(1).sum(dim=1).tolist())
    if len(counts) > 1 or not 0 < min(counts) < grid[0] * grid[1]:
        raise ValueError(
            f"the data samples' 'visible' fields show {sorted(counts)} of {grid[0] * grid[1]} patches; each image of a "
            "batch needs the same number, at least one of them visible and one hidden"
        )
    return visible, counts.pop()
