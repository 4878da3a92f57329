"""What was left for the device: decode JPEGs there, and cut out of each the part that the pipeline drew."""

from collections.abc import Sequence

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg

from cnxv2_mm.images.crop import crop_and_resize
from cnxv2_mm.images.read import reason


def finish_on_device(
    inputs: Sequence[Tensor], samples: Sequence[BaseDataElement], device: torch.device | str
) -> list[Tensor]:
    """Bring the images of a batch to the device, decoded and cropped.

    Args:
        inputs: Each (C, height, width), or the bytes of a JPEG, (B,) uint8, in the memory of the host.
        samples: The images' data samples. That of a JPEG has ``crop``, as :class:`~cnxv2_mm.RandomResizedCrop` draws
            it, or the JPEG stays whole; and ``img_path``.
        device: Where to: on a GPU nvJPEG decodes them, all at once, else libjpeg-turbo.

    Returns:
        (C, height, width) each, on the device; 3 channels of what was decoded.

    Raises:
        ValueError: A JPEG is damaged, which the message names; or the data samples lack ``crop``.
    """
    device = torch.device(device)
    jpegs = [i for i, image in enumerate(inputs) if image.ndim == 1]
    images = [image if image.ndim == 1 else image.to(device, non_blocking=True) for image in inputs]
    if not jpegs:
        return images
    try:
        decoded = decode_jpeg([inputs[i] for i in jpegs], ImageReadMode.RGB, device=device)
    except RuntimeError as error:
        raise ValueError(_damaged(inputs, samples, jpegs) or str(error)) from error
    for i, image in zip(jpegs, decoded, strict=True):
        images[i] = _crop(image, samples[i] if i < len(samples) else BaseDataElement())
    return images


def _crop(image: Tensor, sample: BaseDataElement) -> Tensor:
    """Cut out of a decoded image the part that its data sample names."""
    crop = sample.get("crop")
    if crop is not None:
        return crop_and_resize(image, crop)
    whole = (image.shape[1], image.shape[2])
    if tuple(sample.get("img_shape", whole)) != whole:
        raise ValueError(
            f"an image of {whole} pixels should be one of {tuple(sample.img_shape)}, but its data sample does not say "
            'which part: with LoadImage(decode=False) take dict(type="PackInputs", meta_keys=("img_path", "crop"))'
        )
    return image


def _damaged(inputs: Sequence[Tensor], samples: Sequence[BaseDataElement], jpegs: Sequence[int]) -> str | None:
    """Return which of the files cannot be decoded, one line; None if each of them can by itself, on the host."""
    for i in jpegs:
        try:
            decode_jpeg(inputs[i], ImageReadMode.RGB)
        except RuntimeError as error:
            return f"{samples[i].get('img_path', f'image {i} of the batch')} cannot be decoded: {reason(error)}"
    return None
