"""Predict a photograph with an ONNX file of `cnxv2 export`. Needs numpy, onnxruntime and Pillow, nothing else.

python predict.py model.onnx photograph.jpg --out picture.png

Copy this file into your own program: `Predictor(file)(photograph)` is all that you call.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageDraw, ImageOps

# The options of the steps that change the size of a picture, as the metadata of a file name them.
KNOWN = {
    "Resize": {"type", "scale", "keep_ratio", "backend", "interpolation", "clip_object_border"},
    "ResizeEdge": {"type", "scale", "edge", "backend", "interpolation"},
    "CenterCrop": {"type", "crop_size", "clip_object_border"},
    "Pad": {"type", "size", "pad_val"},
}


class Predictor:
    """A model of `cnxv2 export --to onnx`: takes photographs, and gives results in their pixels."""

    def __init__(self, file: str | Path) -> None:
        self.session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        written = self.session.get_modelmeta().custom_metadata_map
        if "task" not in written:
            raise ValueError(f"{file} has no metadata of cnxv2: export the model with `cnxv2 export`")
        self.metadata: dict[str, Any] = {name: json.loads(text) for name, text in written.items()}
        self.classes: list[str] = self.metadata["classes"]

    def __call__(self, photograph: np.ndarray) -> dict[str, np.ndarray]:
        """Return what the model finds in a photograph, (height, width, 3) RGB bytes.

        A detector: boxes (n, 4) x1, y1, x2, y2; scores (n,); labels (n,); masks (n, height, width) if it has them.
        A segmentor: label_map (height, width). A classifier: scores (classes,). A backbone: its maps, as they are.
        """
        picture, scale, shift = prepare(photograph, self.metadata["resize"])
        for (side, (least, most)), length in zip(self.metadata["input"]["sides"].items(), picture.shape):
            if length < least or (most is not None and length > most):
                most = most or "any number of"
                raise ValueError(
                    f"{side} {length}, and the file takes {least} to {most} pixels: export it with --dynamic"
                )
        names = [output.name for output in self.session.get_outputs()]
        found = dict(zip(names, self.session.run(None, {"image": picture[None]})))
        if self.metadata["task"] == "classifier":
            return {"scores": found["scores"][0]}
        # Where the middle of each of the photograph's pixels is in the picture.
        height, width = photograph.shape[:2]
        rows = (np.arange(height) + 0.5) * scale[1] + shift[1] - 0.5
        columns = (np.arange(width) + 0.5) * scale[0] + shift[0] - 0.5
        if "boxes" in found:
            found["boxes"] = (found["boxes"] - np.tile(shift, 2)) / np.tile(scale, 2)
        if "masks" in found:
            masks = [bilinear(mask.astype(np.float32), rows, columns) >= 0.5 for mask in found["masks"]]
            found["masks"] = np.array(masks, bool).reshape(-1, height, width)
        if "logits" in found:
            if found["logits"].shape[1] == 1:
                raise ValueError("logits of one class have no threshold: export the model without --logits")
            return {"label_map": bilinear(found["logits"][0].transpose(1, 2, 0), rows, columns).argmax(axis=2)}
        if "label_map" in found:
            (labels,) = found["label_map"]
            nearest = [np.rint(x).astype(int).clip(0, n - 1) for x, n in zip((rows, columns), labels.shape)]
            return {"label_map": labels[np.ix_(*nearest)]}
        return found


def prepare(picture: np.ndarray, steps: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Change the size of a picture. Also returns by how much, for x and y: a place becomes place * scale + shift."""
    scale, shift = np.ones(2), np.zeros(2)
    for step in steps:
        kind = str(step["type"]).rpartition(".")[2]
        unknown = set(step) - KNOWN[kind] if kind in KNOWN else {kind}
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))} in the step {dict(step)} is not known here: add it")
        height, width = picture.shape[:2]
        if kind == "CenterCrop":
            wide, high = np.broadcast_to(step["crop_size"], 2).tolist()  # of one number or two
            left, top = max(0, round((width - wide) / 2)), max(0, round((height - high) / 2))
            picture = picture[top : top + high, left : left + wide]
            shift = shift - (left, top)
        elif kind == "Pad":
            value = step.get("pad_val", 0)
            value = np.unique(value.get("img", 0) if isinstance(value, Mapping) else value)
            if len(value) > 1:
                raise ValueError(f"pad_val in the step {dict(step)} is not the same in all channels: add it")
            more = [(0, max(0, new - old)) for new, old in zip(step["size"][::-1], (height, width))]
            picture = np.pad(picture, (*more, (0, 0)), constant_values=value.astype(int)[0])
        else:
            size = new_size(step, width, height)
            picture = resize(picture, size, step.get("backend", "cv2"), step.get("interpolation", "bilinear"))
            factor = np.array(size) / (width, height)
            scale, shift = scale * factor, shift * factor
    return np.ascontiguousarray(picture), scale, shift


def new_size(step: Mapping[str, Any], width: int, height: int) -> tuple[int, int]:
    """Return the width and height that Resize or ResizeEdge makes."""
    if step["type"].endswith("ResizeEdge"):
        edge, length = step.get("edge", "short"), step["scale"]
        if edge == "width" or (edge == "short" and width < height) or (edge == "long" and width > height):
            return length, int(length * height / width)
        return int(length * width / height), length
    wide, high = np.broadcast_to(step["scale"], 2).tolist()
    if not step.get("keep_ratio"):
        return wide, high
    factor = min(max(wide, high) / max(width, height), min(wide, high) / min(width, height))
    return int(width * factor + 0.5), int(height * factor + 0.5)


def resize(picture: np.ndarray, size: tuple[int, int], backend: str, interpolation: str) -> np.ndarray:
    """Resize bytes to (width, height): as OpenCV does, within one grey level, or with Pillow."""
    if backend == "pillow":
        return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling[interpolation.upper()]))
    if interpolation != "bilinear":
        raise ValueError(f"interpolation {interpolation!r} is known here of Pillow alone, not of {backend}: add it")
    columns, rows = ((np.arange(new) + 0.5) * old / new - 0.5 for new, old in zip(size, picture.shape[1::-1]))
    return np.rint(bilinear(picture.astype(np.float32), rows, columns)).astype(np.uint8)


def bilinear(array: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return an array (h, w, ...) between its pixels; outside, its border goes on."""
    for axis, places in enumerate((rows, columns)):
        places = places.clip(0, array.shape[axis] - 1).astype(np.float32)
        low = places.astype(int)
        part = (places - low).reshape([-1 if i == axis else 1 for i in range(array.ndim)])
        below, above = array.take(low, axis), array.take(np.minimum(low + 1, array.shape[axis] - 1), axis)
        array = below + (above - below) * part
    return array


def name_of(label: int, classes: Sequence[str]) -> str:
    """Return the name of a class, or its number if the file has no names."""
    return classes[label] if label < len(classes) else f"class {label}"


def describe(found: Mapping[str, np.ndarray], classes: Sequence[str]) -> list[str]:
    """Return what was found as lines of text."""
    if "boxes" in found:
        rows = zip(found["scores"], found["labels"], found["boxes"].round(1).tolist())
        return [f"{score:.3f}  {name_of(label, classes)}  {box}" for score, label, box in rows] or ["nothing found"]
    if "label_map" not in found and "scores" not in found:  # of a backbone
        return [f"{name}  {array.shape}" for name, array in found.items()]
    values = (
        np.bincount(found["label_map"].ravel()) / found["label_map"].size if "label_map" in found else found["scores"]
    )
    best = np.argsort(-values, kind="stable")[: None if "label_map" in found else 5]
    return [f"{values[i]:.3f}  {name_of(i, classes)}" for i in best if values[i] > 0]


def draw(photograph: np.ndarray, found: Mapping[str, np.ndarray], classes: Sequence[str]) -> Image.Image:
    """Return the photograph with boxes and masks, or with a label map, in the colours of the classes."""
    colours = np.random.default_rng(0).integers(64, 256, (256, 3))
    shown, texts = photograph.astype(np.float32), describe(found, classes)
    if "label_map" in found:
        shown = (shown + colours[found["label_map"] % 256]) / 2
    for mask, label in zip(found.get("masks", ()), found.get("labels", ())):
        shown[mask] = (shown[mask] + colours[label % 256]) / 2
    picture = Image.fromarray(shown.astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for box, label, text in zip(found.get("boxes", ()), found.get("labels", ()), texts):
        pen.rectangle(box.tolist(), outline=tuple(colours[label % 256].tolist()), width=2)
        pen.text((box[0] + 3, box[1] + 1), text.rpartition("  ")[0], stroke_width=1, stroke_fill="black")
    if "boxes" not in found:
        pen.text((4, 2), "\n".join(texts), stroke_width=1, stroke_fill="black")
    return picture


def main() -> None:
    """Read the words of the command line, predict, print and draw."""
    parser = argparse.ArgumentParser(description="Predict a photograph.")
    parser.add_argument("model", help="ONNX file of `cnxv2 export`")
    parser.add_argument("photograph")
    parser.add_argument("--out", help="write the photograph with what was found")
    parser.add_argument("--min-score", type=float, default=0.3, help="of detections (default: %(default)s)")
    args = parser.parse_args()
    predictor = Predictor(args.model)
    # Cameras note how they were held, and OpenCV turns the photograph upright too.
    photograph = np.asarray(ImageOps.exif_transpose(Image.open(args.photograph)).convert("RGB"))
    found = predictor(photograph)
    if "boxes" in found:
        found = {name: array[found["scores"] >= args.min_score] for name, array in found.items()}
    print(*describe(found, predictor.classes), sep="\n")
    if args.out:
        draw(photograph, found, predictor.classes).save(args.out)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"predict.py: {error}")
