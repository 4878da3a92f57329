"""Label maps of segmentation: each pixel holds the number of a class, or is ignored. A sample of 50 maps is read.

A label beyond the classes stops a training at some step; on a GPU without saying why. Maps that are ignored everywhere
train nothing: the loss is 0, the mIoU is nan.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import mmcv
import numpy as np

from cnxv2_mm.training.data_check.findings import Finding, some, unreadable
from cnxv2_mm.training.data_check.image_folder import count_endings

_SAMPLE = 50
_MOST_FILES = 100_000
_IGNORED = 255  # mmseg writes it for labels that are reduced or not among the classes


def check_label_maps(dataset: Any) -> Iterator[Finding]:
    """Look at the files of an mmseg ``BaseSegDataset``.

    Args:
        dataset: The dataset; it has not searched its folders yet.

    Yields:
        What is wrong with the label maps, or unusual in them.
    """
    samples = dataset.load_data_list()
    if not samples:
        folder = dataset.data_prefix["img_path"]
        found = some(f"{number} {ending}" for ending, number in count_endings(Path(folder)))
        yield Finding(
            f"no image in {folder} ends in img_suffix={dataset.img_suffix!r} (found: {found or 'nothing'}).", fatal=True
        )
        return
    labelled = bool(dataset.data_prefix.get("seg_map_path"))
    keys = ("img_path", "seg_map_path") if labelled else ("img_path",)
    broken = [*unreadable([Path(sample[key]) for sample in samples[:_MOST_FILES] for key in keys])]
    yield from broken
    if broken or not labelled:
        return
    chosen = np.linspace(0, len(samples) - 1, min(_SAMPLE, len(samples))).round().astype(int)
    yield from _labels(dataset, [Path(samples[i]["seg_map_path"]) for i in chosen])


def _labels(dataset: Any, files: Sequence[Path]) -> Iterator[Finding]:
    classes = dataset.metainfo.get("classes")
    seen: Counter[int] = Counter()
    beyond: dict[Path, list[int]] = {}
    ignored = []
    for file in files:
        try:
            labels = np.squeeze(mmcv.imfrombytes(file.read_bytes(), flag="unchanged", backend="pillow"))
        except (OSError, ValueError) as error:
            yield Finding(f"label map {file} cannot be read: {error}", fatal=True)
            return
        if labels.ndim != 2:
            yield Finding(
                f"label map {file} has the shape {labels.shape}, colours perhaps: it must hold one class number a "
                "pixel, as (height, width).",
                fatal=True,
            )
            return
        values = _as_trained(dataset, np.unique(labels))
        used = values[(values != _IGNORED) & (values != dataset.ignore_index)]
        seen.update(used.tolist())
        if not len(used):
            ignored.append(file)
        if classes is not None and (used >= len(classes)).any():
            beyond[file] = used[used >= len(classes)].tolist()
    if beyond:
        file, labels_beyond = next(iter(beyond.items()))
        yield Finding(
            f"{len(beyond)} of {len(files)} label maps have labels beyond the {len(classes)} classes (0 to "
            f"{len(classes) - 1}{', after reduce_zero_label' if dataset.reduce_zero_label else ''}): {file} has "
            f"{some(labels_beyond)}.",
            fatal=True,
        )
    if len(ignored) * 2 > len(files):
        text = f"{len(ignored)} of {len(files)} label maps are to be ignored everywhere, first {ignored[0]}"
        yield Finding(f"{text}: is reduce_zero_label={dataset.reduce_zero_label} right?", len(ignored) == len(files))
    elif len(seen) == 1 and len(files) > 1 and classes is not None and len(classes) > 1:
        yield Finding(
            f"label {next(iter(seen))} is the only one in {len(files)} label maps, of {len(classes)} classes; "
            f"{_IGNORED} is ignored."
        )


def _as_trained(dataset: Any, values: np.ndarray) -> np.ndarray:
    """Return labels as mmseg's ``LoadAnnotations`` makes them.

    One thing differs: labels of 16 bits keep their value, where mmseg would cut off the upper bits.
    """
    values = values.astype(np.int64)
    if dataset.reduce_zero_label:
        values = np.where((values == 0) | (values == _IGNORED), _IGNORED, values - 1)
    for old, new in (getattr(dataset, "label_map", None) or {}).items():
        if old in values:
            values = np.append(values[values != old], -1 - new)  # below zero, so that none is mapped twice
    return np.where(values < 0, -1 - values, values)
