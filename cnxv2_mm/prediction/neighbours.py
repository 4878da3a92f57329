"""The nearest images of some images, by their features: numbers, and a sheet to look at."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional as F

from cnxv2_mm.images import read_image
from cnxv2_mm.prediction.drawing import text_font

NUM_QUERIES, NUM_NEIGHBOURS = 8, 5
_SIDE, _GAP, _LINE = 150, 8, 22  # pixels: of a picture, between pictures, of a line of text
_LETTERS = 22  # of a file's name that fit below a picture


def nearest(features: Tensor, queries: Tensor, number: int = NUM_NEIGHBOURS) -> tuple[Tensor, Tensor]:
    """Find the images whose features have the largest cosine with those of some of them.

    Args:
        features: (N, D), of at least two images.
        queries: (Q,) numbers of the images to find neighbours of.
        number: How many; all others if there are fewer.

    Returns:
        Cosines, falling, and numbers of the images, (Q, number) both. No image is its own neighbour.
    """
    directions = F.normalize(features.float(), dim=1)
    cosines = directions[queries] @ directions.T
    cosines[torch.arange(len(queries)), queries] = -torch.inf
    values, index = cosines.topk(min(number, len(features) - 1))
    return values, index


def choose_queries(number: int) -> Tensor:
    """Return at most eight numbers below ``number``, evenly spaced, so that class folders all have their turn."""
    return torch.linspace(0, number - 1, min(NUM_QUERIES, number)).round().long()


def draw_sheet(features: Tensor, files: Sequence[Path], title: str) -> Image.Image:
    """Draw some images, each with its nearest ones and their cosines on its right.

    Args:
        features: (N, D), of at least two images.
        files: The N images.
        title: What stands above.
    """
    queries = choose_queries(len(features))
    cosines, index = nearest(features, queries)
    columns, row = index.shape[1] + 1, _SIDE + 2 * _LINE
    width = max(_GAP + columns * (_SIDE + _GAP) + _GAP, round(text_font(18).getlength(title)) + 2 * _GAP)
    sheet = Image.new("RGB", (width, 4 * _LINE + len(queries) * (row + _GAP)), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, _GAP), title, fill="black", font=text_font(18))
    draw.text((_GAP, 2 * _LINE + _GAP), "image", fill="black", font=text_font(14))
    draw.text((_SIDE + 3 * _GAP, 2 * _LINE + _GAP), "its nearest, with their cosine", fill="black", font=text_font(14))
    for i, query in enumerate(queries.tolist()):
        shown = [(query, "")] + [(n, f"{c:.4f}") for n, c in zip(index[i].tolist(), cosines[i].tolist(), strict=True)]
        top = 4 * _LINE + i * (row + _GAP)
        for column, (number, text) in enumerate(shown):
            left = _GAP + column * (_SIDE + _GAP) + (_GAP if column else 0)
            picture = _thumbnail(files[number])
            sheet.paste(picture, (left + (_SIDE - picture.width) // 2, top + (_SIDE - picture.height) // 2))
            name = files[number].name
            name = name if len(name) <= _LETTERS else f"...{name[3 - _LETTERS :]}"
            draw.text((left, top + _SIDE), name, fill="black", font=text_font(12))
            draw.text((left, top + _SIDE + _LINE - 6), text, fill="black", font=text_font(12))
    return sheet


def _thumbnail(file: Path) -> Image.Image:
    """Return a small picture of an image: of its first three channels, or the first, between their extremes."""
    image = read_image(file)
    image = image[:3] if len(image) >= 3 else image[:1].expand(3, -1, -1)
    if image.dtype != torch.uint8:
        low, high = image.min(), image.max()
        image = ((image - low) / (high - low).clamp(min=1e-12) * 255).to(torch.uint8)
    picture = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
    scale = _SIDE / max(picture.size)
    return picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
