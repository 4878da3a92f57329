"""The table in the form that OpenMMLab's tools read: ``model-index.yml`` and the metafile it imports."""

from typing import Any

import mmengine

from cnxv2_mm.zoo.table import WEIGHTS, Weight

_COLLECTION = "ConvNeXt V2"
_METAFILE = "configs/metafile.yml"
_HEADER = "# Written by `python tools/zoo.py index` from cnxv2_mm/zoo/table.py; change that, not this.\n"
_NOTICE = """# The weights are CC-BY-NC 4.0 (no commercial use) and not part of this repository.
# Every accuracy is the paper's (arXiv 2301.00808), none was measured here.
"""
_TRAINING_DATA = {
    "fcmae": ["ImageNet-1k"],
    "in1k": ["ImageNet-1k"],
    "in22k_in1k": ["ImageNet-22k", "ImageNet-1k"],
}


def index_files() -> dict[str, str]:
    """Path from the repository's root -> text, for each file of the index."""
    metafile = {
        "Collections": [
            {
                "Name": _COLLECTION,
                "Metadata": {"Architecture": ["ConvNeXt", "Global Response Normalization"]},
                "Paper": {
                    "Title": "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders",
                    "URL": "https://arxiv.org/abs/2301.00808",
                },
                "Code": "https://github.com/facebookresearch/ConvNeXt-V2",
                "README": "../README.md",
            }
        ],
        "Models": [_model(weight) for weight in WEIGHTS.values()],
    }
    return {
        "model-index.yml": _HEADER + _yaml({"Import": [_METAFILE]}),
        _METAFILE: _HEADER + _NOTICE + _yaml(metafile),
    }


def _model(weight: Weight) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "Training Data": list(_TRAINING_DATA[weight.training]),  # a copy: YAML would link equal objects
        "Training Resolution": weight.resolution,
        "Parameters": weight.parameters,
        "License": weight.licence,
    }
    model = {"Name": weight.name, "In Collection": _COLLECTION, "Metadata": metadata}
    if weight.paper_top1 is not None:
        metadata["Results From"] = f"the paper, table {weight.paper_table}"
        model["Results"] = [
            {
                "Task": "Image Classification",
                "Dataset": "ImageNet-1k",
                "Metrics": {"Top 1 Accuracy": weight.paper_top1},
            }
        ]
    return model | {"Weights": weight.files["official"].address}


def _yaml(content: dict[str, Any]) -> str:
    return mmengine.dump(content, file_format="yaml", sort_keys=False)
