"""Write a ConvNeXt checkpoint of any library in the names and shapes of another library.

python tools/convert_checkpoint.py convnextv2_tiny_1k_224_ema.pt tiny.safetensors --to timm
python tools/convert_checkpoint.py work_dirs/fcmae/epoch_100.pth model.safetensors --to huggingface
"""

import argparse
import sys
from collections.abc import Sequence

from rich.table import Table

import cnxv2_mm  # noqa: F401  first: it supplies missing mmcv operators
from cnxv2_mm import command_line
from cnxv2_mm.checkpoints import DIALECTS, Conversion, convert


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write a checkpoint in the names and shapes of another library.")
    parser.add_argument("source", metavar="SRC", help="a file, an address, or a name of cnxv2_mm.zoo")
    parser.add_argument("target", metavar="DST", help="the new file: .safetensors, or .pth, .pt, .bin")
    parser.add_argument("--to", required=True, choices=DIALECTS, help="the names and shapes to write")
    parser.add_argument("--prefix", help="what stands before the names of the network, if SRC holds several networks")
    parser.add_argument("--entry", help="the entry of SRC with the weights (default: averaged weights, if it has any)")
    parser.add_argument("--trust-pickle", action="store_true", help="read SRC even if it then runs code that is in it")
    parser.add_argument("--overwrite", action="store_true", help="replace DST if it exists; SRC is never replaced")
    command_line.add_traceback_option(parser)
    return parser.parse_args(argv)


def print_report(conversion: Conversion, args: argparse.Namespace) -> None:
    """Print one line for the tensors that were written, one for each reason to drop some, one for each missing part."""
    entry = f" [{conversion.entry}]" if conversion.entry else ""
    table = Table(title=f"{args.source}{entry}: {conversion.source}, {conversion.architecture}", title_justify="left")
    table.add_column("tensors", justify="right")
    table.add_column("what was done with them")
    table.add_column("names in SRC", overflow="fold")
    table.add_row(str(len(conversion.used)), f"written to {args.target} as {args.to}", _shorten(conversion.used))
    for reason, names in conversion.dropped.items():
        table.add_row(str(len(names)), f"dropped: {reason}", _shorten(names))
    for part in conversion.missing:
        table.add_row("0", f"missing: SRC has no {part}", "")
    command_line.console(width=None if sys.stdout.isatty() else 160).print(table)


def _shorten(names: Sequence[str]) -> str:
    return ", ".join(names[:2]) + (f" ... {names[-1]}" if len(names) > 2 else "")


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    conversion = convert(
        args.source,
        args.target,
        args.to,
        prefix=args.prefix,
        entry=args.entry,
        trust_pickle=args.trust_pickle,
        overwrite=args.overwrite,
    )
    print_report(conversion, args)


if __name__ == "__main__":
    command_line.run("convert_checkpoint", main)
