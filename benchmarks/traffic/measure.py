"""Counts a row of the plan. Needs the mock of CUDA (``mock_cuda.py``)."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException

from benchmarks.traffic.compiled import compile_graphs, count_graph
from benchmarks.traffic.count import Count
from benchmarks.traffic.eager import Counter, HostQuestionError
from benchmarks.traffic.fake_step import FakeStep, make_fake_step
from benchmarks.traffic.plan import Row

PASSES = ("forward", "backward")
LARGEST = 10


def count_row(
    row: Row, options: dict[str, Any] | None = None, code: Path | None = None, largest: int = LARGEST
) -> dict[str, Any]:
    """Return what a row of the plan comes to, for ``benchmarks/gpu_traffic.json``.

    Args:
        row: What to count.
        options: Inductor's, for a compiled row.
        code: A folder for the code that Inductor generates.
        largest: How many operators or kernels to name, those with the most bytes.
    """
    step = make_fake_step(row)
    question = None
    if row.mode == "eager":
        counts, question = count_eager(step)
    else:
        counts = _count_compiled(step, options or {}, code)
    result: dict[str, Any] = asdict(row)
    if options:
        result["inductor"] = options
    # A compiled step is one graph: Dynamo refuses a question to the device.
    result["host_question"] = question
    for name, count in zip(PASSES, counts, strict=True):
        result[name] = {
            "bytes_an_image": round(count.bytes / row.images),
            "launches": count.launches,
            "own_operators": count.own_calls,
        }
    entries = [(name, *entry) for name, count in zip(PASSES, counts, strict=True) for entry in count.largest(largest)]
    entries.sort(key=lambda entry: -entry[2].bytes)
    result["largest"] = [
        {"pass": name, "what": what, "bytes_an_image": round(one.bytes / row.images), "launches": one.launches}
        for name, what, one in entries[:largest]
    ]
    return result


def count_eager(step: FakeStep) -> tuple[list[Count], str | None]:
    """Return the counts of forward and backward pass, and the operator that asks the device for a number, or None.

    After such an operator nothing is counted.
    """
    counter = Counter("cuda")
    forward, backward = counter.count, Count()
    try:
        with step.mode:
            with _autocast(), counter:
                results = as_tuple(step.forward(*step.inputs))
            counter.count = backward
            cotangents = step.cotangents(results)
            with counter:
                torch.autograd.backward(results, cotangents)
    except (DataDependentOutputException, DynamicOutputShapeException) as error:
        return [forward, backward], str(error.func)
    except HostQuestionError as error:
        return [forward, backward], str(error)
    return [forward, backward], None


def _count_compiled(step: FakeStep, options: dict[str, Any], code: Path | None) -> list[Count]:
    with step.mode, _autocast():
        graphs = compile_graphs(step.forward, step.inputs, options)
    if code is not None:
        code.mkdir(parents=True, exist_ok=True)
        for name, graph in zip(PASSES, graphs, strict=True):
            (code / f"{name}.py").write_text(graph.code)
    return [count_graph(graph, step.mode) for graph in graphs]


def as_tuple(results: Any) -> tuple[torch.Tensor, ...]:
    return results if isinstance(results, tuple) else (results,)


def _autocast() -> torch.autocast:
    return torch.autocast("cuda", dtype=torch.bfloat16)
