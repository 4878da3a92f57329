"""Measure ConvNeXt V2 against its peers: speed and memory, in one process, on the same numbers.

python tools/benchmark.py pretrain --arch tiny
python tools/benchmark.py report

See docs/benchmark.md, and benchmarks/speed/__main__.py for the code.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where benchmarks/ is: the folder above tools/

from benchmarks.speed.__main__ import main
from cnxv2_mm import command_line

if __name__ == "__main__":
    command_line.run("benchmark", main)
