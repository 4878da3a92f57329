"""The runs that ``benchmarks/README.md`` shows, measured or not yet."""

import shlex
from dataclasses import dataclass

RATIOS = "0.3 0.4 0.5 0.6 0.7 0.8 0.9"
# Every peer is first compared with the specification in float32 at this size: base takes some 80 GiB then.
H200_BATCH_SIZES = {"atto": 256, "tiny": 128, "base": 64}


@dataclass(frozen=True)
class Run:
    """A run of the tool.

    Attributes:
        name: Name of its files in ``benchmarks/speed/results/``.
        title: Its heading on the page.
        arguments: Arguments of ``tools/benchmark.py``, without those that name files.
    """

    name: str
    title: str
    arguments: str

    @property
    def command(self) -> str:
        file = f"benchmarks/speed/results/{self.name}"
        return f"python tools/benchmark.py {self.arguments} --json {file}.json --plot {file}.png"

    @property
    def argv(self) -> list[str]:
        return shlex.split(self.command)[2:]


def _on_h200(benchmark: str, arch: str) -> Run:
    sizes = f"--arch {arch} --batch-size {H200_BATCH_SIZES[arch]}"
    where = "--device cuda --dtype bfloat16 --compile"
    return Run(f"h200_{benchmark}_{arch}", f"H200, bfloat16: {benchmark}, {arch}", f"{benchmark} {sizes} {where}")


ON_CPU = "--threads 2 --repeats 5"
CPU_PEERS = "--peers packed masked_dense masked_dense_kernels minkowski spark mmpretrain timm"
CPU_RUNS = (
    Run(
        "cpu_pretrain_atto",
        "CPU: encoder, atto",
        f"pretrain --arch atto --batch-size 16 --compile {CPU_PEERS} {ON_CPU}",
    ),
    Run(
        "cpu_pretrain_tiny", "CPU: encoder, tiny", f"pretrain --arch tiny --batch-size 8 --compile {CPU_PEERS} {ON_CPU}"
    ),
    Run(
        "cpu_ratios_atto",
        "CPU: cost against visible patches, atto",
        f"pretrain --arch atto --batch-size 16 --mask-ratio {RATIOS} --peers packed masked_dense minkowski spark "
        f"{ON_CPU}",
    ),
    Run("cpu_step_atto", "CPU: training step, atto", f"step --arch atto --batch-size 16 --compile {ON_CPU}"),
    Run("cpu_step_tiny", "CPU: training step, tiny", f"step --arch tiny --batch-size 8 --compile {ON_CPU}"),
    *(
        Run(
            f"cpu_step_{arch}_bf16",
            f"CPU: training step in bfloat16, {arch}",
            f"step --arch {arch} --batch-size {batch_size} --dtype float32 bfloat16 --compile "
            f"--peers packed masked_dense {ON_CPU}",
        )
        for arch, batch_size in (("atto", 16), ("tiny", 8))
    ),
    Run(
        "cpu_backbone_atto",
        "CPU: whole images, atto",
        f"backbone --arch atto --size 224 512 --batch-size 16 2 {ON_CPU}",
    ),
    Run(
        "cpu_backbone_tiny",
        "CPU: whole images, tiny",
        f"backbone --arch tiny --size 224 512 --batch-size 8 1 {ON_CPU}",
    ),
)
GPU_RUNS = (
    *(_on_h200(benchmark, arch) for benchmark in ("pretrain", "step") for arch in H200_BATCH_SIZES),
    Run(
        "h200_backbone_tiny",
        "H200, bfloat16: backbone, tiny",
        "backbone --arch tiny --size 224 512 --batch-size 128 24 --device cuda --dtype bfloat16 --compile",
    ),
)
PLAN: tuple[Run, ...] = (*CPU_RUNS, *GPU_RUNS)
