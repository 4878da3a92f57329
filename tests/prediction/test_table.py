"""Features as files. Oracles: NumPy and pyarrow read them."""

import json
import sys

import numpy as np
import pytest
import torch
from pyarrow import parquet

from cnxv2_mm.prediction.table import check_target, write_table

FEATURES = torch.arange(6.0).reshape(2, 3)
NAMES = ["a/one.jpg", "zwei, drei.png"]


def test_numpy(tmp_path):
    target = tmp_path / "x.npy"
    assert write_table(target, FEATURES, NAMES) == [target, tmp_path / "x.json"]
    array = np.load(target)
    assert array.dtype == np.float32
    assert np.array_equal(array, FEATURES)
    assert json.loads((tmp_path / "x.json").read_text()) == NAMES


def test_parquet(tmp_path):
    target = tmp_path / "x.parquet"
    assert write_table(target, FEATURES, NAMES) == [target]
    table = parquet.read_table(target)
    assert table.column_names == ["file", "embedding"]
    assert table["file"].to_pylist() == NAMES
    assert table["embedding"].to_pylist() == FEATURES.tolist()


def test_targets(tmp_path, monkeypatch):
    check_target(tmp_path / "new" / "x.npy")
    assert (tmp_path / "new").is_dir()
    with pytest.raises(ValueError, match=r"x\.csv must end in \.npy or \.parquet"):
        check_target(tmp_path / "x.csv")
    (tmp_path / "new" / "x.json").touch()
    with pytest.raises(ValueError, match=r"x\.json is there already.*--overwrite"):
        check_target(tmp_path / "new" / "x.npy")
    check_target(tmp_path / "new" / "x.npy", overwrite=True)
    with pytest.raises(OSError, match=r"x\.json"):
        check_target(tmp_path / "new" / "x.json" / "y.npy")
    check_target(tmp_path / "x.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "cnxv2_mm\[parquet\]"'):
        check_target(tmp_path / "x.parquet")
