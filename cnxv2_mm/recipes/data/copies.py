"""Images that are in training and in validation: the same file twice, whatever its name."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path


def find_copies(train: Sequence[Path], val: Sequence[Path]) -> dict[Path, Path]:
    """Return the training files whose content a validation file has too, each with that one.

    Only files that agree in their number of bytes are read.

    Args:
        train: Files for training.
        val: Files for validation.
    """
    by_size: dict[int, list[Path]] = defaultdict(list)
    for file in val:
        by_size[file.stat().st_size].append(file)
    digests: dict[Path, bytes] = {}

    def digest(file: Path) -> bytes:
        if file not in digests:
            digests[file] = hashlib.blake2b(file.read_bytes(), digest_size=16).digest()
        return digests[file]

    found = {}
    for file in train:
        alike = by_size.get(file.stat().st_size, [])
        same = next((other for other in alike if digest(other) == digest(file)), None)
        if same is not None:
            found[file] = same
    return found
