"""Is the data that a config names there, and can it be used?

The libraries leave out boxes, images and labels without a word, and train on the rest. The files in reading order:

- ``findings.py``: what a check says: one line, and whether the training may start

Before a model is built:

- ``paths.py``: folders and files that a config names exist
- ``coco.py``: COCO files: categories, boxes, ids
- ``label_maps.py``: label maps of segmentation
- ``image_folder.py``: folders of images

While a run loads its data:

- ``samples.py``: a file that cannot be loaded, or has other channels than the model, is named
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS

from cnxv2_mm.training.data_check.coco import check_coco
from cnxv2_mm.training.data_check.findings import Finding
from cnxv2_mm.training.data_check.image_folder import check_image_folder
from cnxv2_mm.training.data_check.label_maps import check_label_maps
from cnxv2_mm.training.data_check.paths import check_paths, is_local, leaf_datasets

__all__ = ["check_data"]

# The libraries' method that reads a format -> what is asked of it. A subclass with a reader of its own is left alone.
_CHECKS: dict[str, Callable[[Any], Iterator[Finding]]] = {
    "CocoDataset.load_data_list": check_coco,
    "BaseSegDataset.load_data_list": check_label_maps,
    "CustomDataset.load_data_list": check_image_folder,
}


def check_data(config: Config, loaders: Sequence[str]) -> list[str]:
    """Refuse data that is missing or that cannot be used for training, and remark on what is only suspicious.

    Args:
        config: A whole config.
        loaders: Names of the loaders that will be used, such as ``train_dataloader``. A loader that is absent or None
            is passed over.

    Returns:
        The remarks, one line each: what the libraries leave out of the data, or what is unusual in it. Data for
        validation and tests is never refused: everything about it is a remark.

    Raises:
        FileNotFoundError: Something is missing; see :func:`.paths.check_paths`.
        ValueError: The training data cannot be used. The text has one line for each reason.
    """
    check_paths(config, loaders)
    errors: list[str] = []
    remarks: list[str] = []
    for loader in loaders:
        if not config.get(loader):
            continue
        for key, settings in leaf_datasets(f"{loader}.dataset", config[loader].get("dataset")):
            for finding in _findings(settings, config.get("default_scope") or "mmengine"):
                fatal = finding.fatal and loader == "train_dataloader"
                (errors if fatal else remarks).append(f"{key}: {finding.text}")
    if errors:
        raise ValueError("\n".join(errors))
    return remarks


def _findings(settings: Any, scope: str) -> Iterator[Finding]:
    if not is_local(settings, settings.get("data_root") or ""):
        return
    try:
        with DATASETS.switch_scope_and_registry(scope) as registry:
            dataset = registry.build({**settings, "lazy_init": True, "pipeline": []})
    except Exception:
        return  # the run builds it again, and reports what is wrong with it
    check = _CHECKS.get(getattr(getattr(dataset, "load_data_list", None), "__qualname__", ""))
    if check is not None:
        yield from check(dataset)
