"""The command ``cnxv2``, also as ``python -m cnxv2_mm``: our tools by name, and any tool of an OpenMMLab library.

::

    cnxv2 train configs/coco/mask-rcnn_convnextv2-base_fpn_lsj-3x_coco.py   # is: python tools/train.py ...
    cnxv2 mmdet::test.py my_detector.py weights.pth

The libraries' tools import their models before they read a config, and so before its ``custom_imports``. Here
``cnxv2_mm`` comes first, with our types and the operators that an mmcv without its compiled part is missing.
"""

import argparse
import difflib
import sys
from collections.abc import Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from cnxv2_mm.shipped import PACKAGE, shipped_folder
from cnxv2_mm.version import __version__

# Name -> file in tools/, what it does.
COMMANDS = {
    "pretrain": ("pretrain.py", "pre-train an encoder on a folder of images, without labels or a config"),
    "finetune": ("finetune.py", "train a detector, segmenter or classifier on labelled images, without a config"),
    "predict": ("predict.py", "find things in images with a trained model: pictures and a COCO file"),
    "export": ("export.py", "write a trained model as ONNX, OpenVINO or torch.export, with the same numbers"),
    "embed": ("embed.py", "compute the features of a folder's images, and show which are alike"),
    "train": ("train.py", "train with a config of ours, mmdet, mmseg or mmpretrain"),
    "test": ("test.py", "test a checkpoint"),
    "swap": ("swap_backbone.py", "put ConvNeXt V2 in the place of a config's backbone"),
    "convert": ("convert_checkpoint.py", "write weights in another library's names and shapes"),
    "zoo": ("zoo.py", "list and download the published weights"),
    "flops": ("flops.py", "count parameters and operations of a config"),
    "analyze": ("analyze.py", "measure the features of checkpoints: collapse, rank, classes; a page with plots"),
    "benchmark": ("benchmark.py", "time encoder, backbone, training step and image loading against other libraries"),
}


def find_tool(name: str) -> Path:
    """Return the file of a tool.

    Args:
        name: A name in :data:`COMMANDS`, a file, or ``mmdet::test.py`` for one that comes with a library.

    Raises:
        ValueError: There is no such file; names the library's most similar ones.
        ModuleNotFoundError: The library is not installed.
    """
    if name in COMMANDS:
        return shipped_folder(PACKAGE) / "tools" / COMMANDS[name][0]
    library, separator, file = name.rpartition("::")
    if not separator:
        if Path(name).is_file():
            return Path(name)
        if Path(name).suffix:
            raise ValueError(f"tool {name!r} does not exist (looked for {Path(name).absolute()})")
        similar = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {similar[0]!r}? " if similar else ""
        raise ValueError(f"command {name!r} is unknown; {hint}choose one of {', '.join(COMMANDS)}")
    try:
        folder = shipped_folder(library) / "tools"
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"tool {name!r}: {error}") from None
    if not (folder / file).is_file():
        tools = [path.relative_to(folder).as_posix() for path in folder.rglob("*.py")]
        # By the file's name, since a subfolder is what is most often left out.
        same = [tool for tool in tools if Path(tool).name == Path(file).name]
        similar = same or difflib.get_close_matches(file, tools)
        hint = f"similar: {', '.join(f'{library}::{tool}' for tool in similar)}" if similar else f"see {folder}"
        raise ValueError(f"tool {name!r} does not exist; {hint}")
    return folder / file


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool as if its file had been started; without arguments, print what there is to run."""
    parser = argparse.ArgumentParser(
        prog="cnxv2",
        usage="cnxv2 COMMAND ARGUMENTS",
        description="ConvNeXt V2 for OpenMMLab. COMMAND --help has the arguments of a command.",
        epilog="\n".join(["commands:", *(f"  {name:<10} {what}" for name, (_, what) in COMMANDS.items())])
        + "\n\nCOMMAND may also be a file or a library's tool (mmdet::test.py), run after cnxv2_mm is imported.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"cnxv2_mm {__version__}")
    parser.add_argument("command", metavar="COMMAND", help="what to run")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENTS", help="what the command takes")
    args = parser.parse_args((sys.argv[1:] if argv is None else argv) or ["--help"])
    try:
        tool = find_tool(args.command)
    except (ValueError, ModuleNotFoundError) as error:
        parser.error(str(error))
    # The first word is what a tool's own help and messages call it.
    sys.argv = [f"cnxv2 {args.command}" if args.command in COMMANDS else str(tool), *args.arguments]
    sys.path.insert(0, str(tool.parent))  # as Python does for a file that it starts
    spec = spec_from_file_location("__main__", tool)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    module.__spec__ = None  # a started file has none; processes that it starts look for its file then
    sys.modules["__main__"] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    main()
