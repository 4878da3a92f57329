"""What the compiler makes of a Triton program for a GPU that is not there: registers, and what spills out of them."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from unittest.mock import patch

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

CUOBJDUMP = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
TYPES = {torch.bfloat16: "*bf16", torch.float16: "*fp16", torch.float32: "*fp32", torch.int32: "*i32"}


@dataclass
class Launch:
    """A program with the arguments and the options that it was started with."""

    program: JITFunction
    arguments: dict[str, Any]
    options: dict[str, int]


def launches(start: Callable[[], object]) -> list[Launch]:
    """The launches of a function, none of which is done: its tensors may be on the meta device."""
    found = []

    def record(program: JITFunction, *args: object, grid: object, warmup: bool, **named: object) -> None:
        arguments = {**dict(zip(program.arg_names, args, strict=False)), **named}
        options = {name: arguments.pop(name) for name in named if name not in program.arg_names}
        found.append(Launch(program, arguments, options))

    with patch.object(JITFunction, "run", record):
        start()
    return found


def cubin(launch: Launch, capability: int) -> bytes:
    """The machine code for a compute capability, such as 90, specialised as Triton does it when it launches."""
    constant = {p.name for p in launch.program.params if p.is_constexpr}
    signature, constants, attributes = {}, {}, {}
    for i, name in enumerate(launch.program.arg_names):
        value = launch.arguments[name]
        if name in constant or value is None or (type(value) is int and value == 1):
            signature[name], constants[name] = "constexpr", value
            continue
        signature[name] = TYPES[value.dtype] if isinstance(value, torch.Tensor) else "i32"
        if isinstance(value, torch.Tensor) or value % 16 == 0:
            attributes[i,] = [["tt.divisibility", 16]]
    source = ASTSource(launch.program, signature, constants, attributes)
    return triton.compile(source, GPUTarget("cuda", capability, 32), launch.options).asm["cubin"]


def resources(launch: Launch, capability: int) -> dict[str, int]:
    """What a thread takes: ``REG`` registers; bytes of ``STACK`` and ``LOCAL`` memory, to which registers spill."""
    with NamedTemporaryFile(suffix=".cubin") as file:
        Path(file.name).write_bytes(cubin(launch, capability))
        command = [CUOBJDUMP, "--dump-resource-usage", file.name]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name: int(value) for name, value in re.findall(r"(REG|STACK|LOCAL|SHARED):(\d+)", text)}
