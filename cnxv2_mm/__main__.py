"""Runs a tool of any OpenMMLab library on a config that uses ``cnxv2_mm``: ``python -m cnxv2_mm TOOL ARGUMENTS``.

The libraries' tools import their models before they read a config, and so before its ``custom_imports``. Here
``cnxv2_mm`` comes first, with our types and the operators that an mmcv without its compiled part is missing.
"""

import argparse
import difflib
import runpy
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path


def find_tool(name: str) -> Path:
    """Return the file of a tool.

    Args:
        name: A file, or ``mmdet::test.py`` for one that comes with a library, in its folder ``.mim/tools``.

    Raises:
        ValueError: There is no such file; names the library's most similar ones.
        ModuleNotFoundError: The library is not installed.
    """
    library, separator, file = name.rpartition("::")
    if not separator:
        if not Path(name).is_file():
            raise ValueError(f"tool {name!r} does not exist (looked for {Path(name).absolute()})")
        return Path(name)
    spec = find_spec(library) if library.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"tool {name!r}: {library!r} is not installed; install it or give a file")
    folder = Path(spec.submodule_search_locations[0]) / ".mim" / "tools"
    if not (folder / file).is_file():
        tools = [path.relative_to(folder).as_posix() for path in folder.rglob("*.py")]
        # By the file's name, since a subfolder is what is most often left out.
        same = [tool for tool in tools if Path(tool).name == Path(file).name]
        similar = same or difflib.get_close_matches(file, tools)
        hint = f"similar: {', '.join(f'{library}::{tool}' for tool in similar)}" if similar else f"see {folder}"
        raise ValueError(f"tool {name!r} does not exist; {hint}")
    return folder / file


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool as if its file had been started."""
    parser = argparse.ArgumentParser(
        prog="python -m cnxv2_mm", description="Run a tool of mmdet, mmseg or mmpretrain with cnxv2_mm imported first."
    )
    parser.add_argument("tool", metavar="TOOL", help="a file, or mmdet::test.py for a library's own")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENTS", help="what the tool takes")
    args = parser.parse_args(argv)
    try:
        tool = find_tool(args.tool)
    except (ValueError, ModuleNotFoundError) as error:
        parser.error(str(error))
    sys.argv = [str(tool), *args.arguments]
    sys.path.insert(0, str(tool.parent))  # as Python does for a file that it starts
    runpy.run_path(str(tool), run_name="__main__")


if __name__ == "__main__":
    main()
