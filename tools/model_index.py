"""For developers: write the zoo's table where it is read, after a change of the table.

ConvNeXt V2's weights go to the files that OpenMMLab's tools read, all weights to docs/weights.md.

python tools/model_index.py
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mmengine

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where benchmarks/ is: the folder above tools/

from benchmarks.markdown import begin, markdown_table, write_between
from cnxv2_mm import command_line
from cnxv2_mm.zoo import WEIGHTS, Weight
from cnxv2_mm.zoo.weight import CLIP_MEAN

ROOT = Path(__file__).resolve().parents[1]
_COLLECTION = "ConvNeXt V2"
_METAFILE = "configs/metafile.yml"
_PAGE = "docs/weights.md"
_COMMAND = "python tools/model_index.py"
_HEADER = f"# Written by `{_COMMAND}` from cnxv2_mm/zoo/convnextv2_weights.py; change that, not this.\n"
_NOTICE = """# The weights are CC-BY-NC 4.0 (no commercial use) and not part of this repository.
# Every accuracy is the paper's (arXiv 2301.00808), none was measured here.
"""
_TRAINING_DATA = {
    "fcmae": ["ImageNet-1k"],
    "in1k": ["ImageNet-1k"],
    "in22k_in1k": ["ImageNet-22k", "ImageNet-1k"],
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=f"Write model-index.yml, {_METAFILE} and {_PAGE} from cnxv2_mm.zoo.")
    parser.add_argument("--to", type=Path, metavar="FOLDER", default=ROOT, help="default: the repository")
    command_line.add_traceback_option(parser)
    return parser.parse_args(argv)


def index_files() -> dict[str, str]:
    """Return the text of each file, by its path from the repository's root."""
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
        "Models": [_model(weight) for weight in WEIGHTS.values() if weight.version == 2],
    }
    page = (ROOT / _PAGE).read_text(encoding="utf-8")
    return {
        "model-index.yml": _HEADER + _yaml({"Import": [_METAFILE]}),
        _METAFILE: _HEADER + _NOTICE + _yaml(metafile),
        _PAGE: write_between(page, begin(_COMMAND), _page_table()),
    }


def _page_table() -> str:
    headings = (
        "name",
        "network",
        "trained on",
        "pixels",
        "normalisation",
        "top-1",
        "licence",
        "commercial use",
        "loads",
    )
    rows = [
        (
            f"`{weight.name}`",
            f"V{weight.version} {weight.size}",
            weight.training,
            str(weight.resolution),
            "CLIP" if weight.mean == CLIP_MEAN else "ImageNet",
            f"{weight.accuracies[0].top1:.1f}" if weight.accuracies else "-",
            weight.licence,
            weight.commercial,
            "yes, with classifier" if weight.classes else "yes",
        )
        for weight in WEIGHTS.values()
    ]
    return markdown_table(headings, rows) + "\n"


def _model(weight: Weight) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "Training Data": list(_TRAINING_DATA[weight.training]),  # a copy: YAML would link equal objects
        "Training Resolution": weight.resolution,
        "Parameters": weight.parameters,
        "License": weight.licence,
    }
    model: dict[str, Any] = {"Name": weight.name, "In Collection": _COLLECTION, "Metadata": metadata}
    if weight.accuracies:
        (paper, _) = weight.accuracies
        metadata["Results From"] = paper.source
        model["Results"] = [
            {
                "Task": "Image Classification",
                "Dataset": "ImageNet-1k",
                "Metrics": {"Top 1 Accuracy": paper.top1},
            }
        ]
    return model | {"Weights": weight.files["official"].address}


def _yaml(content: dict[str, Any]) -> str:
    return mmengine.dump(content, file_format="yaml", sort_keys=False)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the files and print where they are."""
    args = parse_args(argv)
    for path, text in index_files().items():
        (args.to / path).parent.mkdir(parents=True, exist_ok=True)
        (args.to / path).write_text(text, encoding="utf-8")
        print(args.to / path)


if __name__ == "__main__":
    command_line.run("model_index", main)
