"""Features with the names of their images, as files: NumPy's with a JSON list beside it, or parquet."""

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from torch import Tensor

from cnxv2_mm.prediction.out_folder import make_folder
from cnxv2_mm.whole_file import whole_file


def files_of(target: Path) -> list[Path]:
    """Return the files that :func:`write_table` writes."""
    return [target] if target.suffix == ".parquet" else [target, target.with_suffix(".json")]


def check_target(target: Path, overwrite: bool = False) -> None:
    """Check that features can be written to a file, and make its folder.

    Raises:
        ValueError: It ends neither in .npy nor in .parquet, or it is there already and may not be replaced.
        ModuleNotFoundError: Parquet needs a package that is not installed.
        OSError: The folder cannot be made.
    """
    if target.suffix not in (".npy", ".parquet"):
        raise ValueError(f"--out {target} must end in .npy or .parquet")
    if target.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise ModuleNotFoundError(f'--out {target} needs the package pyarrow: pip install "cnxv2_mm[parquet]"')
    taken = [file for file in files_of(target) if file.exists()]
    if taken and not overwrite:
        raise ValueError(f"--out {taken[0]} is there already: give another --out, or replace it with --overwrite")
    make_folder(target.parent)


def write_table(target: Path, features: Tensor, names: Sequence[str]) -> list[Path]:
    """Write features, (N, D) float32, and the names of their N images.

    Args:
        target: ``.npy`` for an array, which gets a ``.json`` with the list of names beside it, or ``.parquet`` for a
            table with the columns ``file`` and ``embedding``.

    Returns:
        The files that were written.
    """
    array = features.float().numpy()
    if target.suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        column = pa.FixedSizeListArray.from_arrays(pa.array(array.reshape(-1)), array.shape[1])
        with whole_file(target) as part:
            parquet.write_table(pa.table({"file": pa.array(names, pa.string()), "embedding": column}), part)
        return [target]
    with whole_file(target) as part, part.open("wb") as file:
        np.save(file, array)
    listed = files_of(target)[1]
    with whole_file(listed) as part:
        part.write_text(json.dumps(list(names), indent=0, ensure_ascii=False), encoding="utf-8")
    return [target, listed]
