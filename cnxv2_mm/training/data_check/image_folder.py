"""Folders of images: files that a dataset leaves out because of their ending, and empty files."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cnxv2_mm.images.formats import image_endings
from cnxv2_mm.training.data_check.findings import Finding, some

_WITH_PLUGINS = {".heic", ".avif"}  # images too, which Pillow reads if it was built or extended for them
_MOST_FILES = 100_000


def check_image_folder(dataset: Any) -> Iterator[Finding]:
    """Check the folder of an mmpretrain ``CustomDataset``: its first 100 000 files.

    Args:
        dataset: The dataset; it has not searched its folder yet.

    Yields:
        What is wrong with the files, or unusual in them.
    """
    if dataset.ann_file:  # it lists the files
        return
    folder = Path(dataset.img_prefix)
    extensions = tuple(dataset.extensions)
    taken = f"of extensions={tuple(sorted(extensions))}"
    images = image_endings() | _WITH_PLUGINS
    left_out: Counter[str] = Counter()
    empty, number, above = [], 0, 0
    for file, size in _walk(folder):
        ending = Path(file).suffix.lower()
        if not file.lower().endswith(extensions):
            left_out[ending] += ending in images
        elif dataset.with_label and Path(file).parent == folder:
            above += 1
        else:
            number += 1
            if size == 0:
                empty.append(file)
    counts = ", ".join(f"{times} {ending}" for ending, times in _most_first(left_out) if times)
    if not number:
        place = f"the class folders of {folder}" if dataset.with_label else str(folder)
        yield Finding(f"no file in {place} has an ending {taken} (other images: {counts or 'none'}).", fatal=True)
    elif counts:
        yield Finding(f"{counts} in {folder} are left out, no ending {taken}; {number} files are taken.")
    if number and above:
        yield Finding(f"{above} images in {folder} itself are left out, they lie in no class folder.")
    if empty:
        yield Finding(f"{len(empty)} of {number} files are empty (0 bytes): {some(empty)}", fatal=True)


def count_endings(folder: Path) -> list[tuple[str, int]]:
    """Return how many files of each ending a folder has, at any depth. The most frequent ending comes first."""
    return _most_first(Counter(Path(file).suffix for file, _ in _walk(folder)))


def _most_first(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _walk(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield path and size in bytes of the first files of a folder, at any depth; hidden ones are skipped."""
    number = 0
    folders = [str(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    folders.append(entry.path)
                elif number < _MOST_FILES:
                    number += 1
                    yield entry.path, entry.stat().st_size
                else:
                    return
