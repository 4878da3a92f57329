"""Do the folders and files that a config names exist? If not, the error shows the tree that is expected."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from cnxv2_mm.config.entry import type_name

_COCO_TREE = """annotations/instances_train2017.json
annotations/instances_val2017.json
train2017/*.jpg
val2017/*.jpg"""
_SEGMENTATION_TREE = """images/training/*.jpg
images/validation/*.jpg
annotations/training/*.png
annotations/validation/*.png"""
_CLASS_FOLDER_TREE = """train/<class>/*.jpg
val/<class>/*.jpg"""
_IMAGE_FOLDER_TREE = """any folders, with images in them (*.jpg, *.png, ...)"""

# mmpretrain fetches these itself.
_DOWNLOADED = ("MNIST", "FashionMNIST", "CIFAR10", "CIFAR100")
_REMOTE = re.compile(r"[a-zA-Z0-9]{2,}:")  # s3://..., petrel:..., file://...; not a Windows drive


def check_paths(config: Config, loaders: Sequence[str]) -> None:
    """Refuse a config whose local data folders or annotation files do not exist.

    Datasets inside wrappers (``RepeatDataset``, ``ConcatDataset``, ...) are checked, too. Paths on a storage other than
    the local disk are not.

    Args:
        config: A whole config.
        loaders: Names of the loaders that will be used, such as ``train_dataloader``. A loader that is absent or None
            is passed over.

    Raises:
        FileNotFoundError: A path is missing. The text names every missing path, the dataset that needs it, the tree
            that is expected and the option to set.
    """
    complaints = []
    for loader in loaders:
        if not config.get(loader):
            continue
        for key, dataset in leaf_datasets(f"{loader}.dataset", config[loader].get("dataset")):
            missing = [path for path in _paths(dataset) if not path.exists()]
            if missing:
                complaints.append(_complaint(key, dataset, missing))
        evaluator = f"{loader.removesuffix('_dataloader')}_evaluator"
        for key, metric in _metrics(evaluator, config.get(evaluator)):
            path = metric.get("ann_file")
            if isinstance(path, str) and is_local(metric, path) and not Path(path).exists():
                complaints.append(f"{key}: {type_name(metric) or 'metric'} needs {path}, which does not exist.")
    if complaints:
        raise FileNotFoundError("\n".join(complaints))


def leaf_datasets(key: str, dataset: Any) -> Iterator[tuple[str, Mapping]]:
    """Yield the datasets that read files, each with its dotted key in the config."""
    if not isinstance(dataset, Mapping):
        return
    if isinstance(dataset.get("dataset"), Mapping):
        yield from leaf_datasets(f"{key}.dataset", dataset["dataset"])
    elif isinstance(dataset.get("datasets"), Sequence):
        for index, inner in enumerate(dataset["datasets"]):
            yield from leaf_datasets(f"{key}.datasets.{index}", inner)
    else:
        yield key, dataset


def _metrics(key: str, evaluator: Any) -> Iterator[tuple[str, Mapping]]:
    if isinstance(evaluator, Mapping):
        yield key, evaluator
    elif isinstance(evaluator, Sequence):
        for index, metric in enumerate(evaluator):
            yield f"{key}.{index}", metric


def _paths(dataset: Mapping) -> Iterator[Path]:
    """Yield the root, the annotation file and the folders of one dataset, as the libraries join them."""
    root = dataset.get("data_root") or ""
    if type_name(dataset) in _DOWNLOADED and dataset.get("download", True):
        return
    prefixes = dataset.get("data_prefix") or ""
    relative = [dataset.get("ann_file") or "", *(prefixes.values() if isinstance(prefixes, Mapping) else [prefixes])]
    if type_name(dataset) == "ImageNet" and not any(relative):
        relative.append(dataset.get("split") or "")
    for path in (root, *(str(Path(root) / path) for path in relative if path and is_local(dataset, path))):
        if path and is_local(dataset, root):
            yield Path(path)


def is_local(entry: Mapping, path: str) -> bool:
    """Return whether a path lies on the local disk: it has no scheme, and no other storage backend is named."""
    backend = (entry.get("backend_args") or {}).get("backend", "local")
    return backend in ("local", "disk") and not _REMOTE.match(path)


def _complaint(key: str, dataset: Mapping, missing: Sequence[Path]) -> str:
    root = dataset.get("data_root")
    paths = ", ".join(map(str, missing))
    option = f"{key}.data_root" if root else f"{key}.data_prefix"
    tree = "\n".join(f"    {line}" for line in _expected_tree(dataset).splitlines())
    return (
        f"{key}: {type_name(dataset) or 'dataset'} needs {paths}, which does not exist. "
        f"Expected under {root or 'the folders of data_prefix'}:\n{tree}\n"
        f"Put the data there or point to it, e.g. --cfg-options {option}=/path/to/data"
    )


def _expected_tree(dataset: Mapping) -> str:
    prefixes = dataset.get("data_prefix") or {}
    ann_file = dataset.get("ann_file") or ""
    if isinstance(prefixes, Mapping) and "seg_map_path" in prefixes:
        return _SEGMENTATION_TREE
    if ann_file.endswith(".json"):
        return _COCO_TREE
    if type_name(dataset) in ("ImageNet", "ImageNet21k", "CustomDataset") and dataset.get("with_label", True):
        return _CLASS_FOLDER_TREE
    return _IMAGE_FOLDER_TREE
