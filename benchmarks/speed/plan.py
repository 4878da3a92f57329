"""The runs that ``benchmarks/README.md`` shows, measured or not yet."""

import shlex
from dataclasses import dataclass

RATIOS = "0.3 0.4 0.5 0.6 0.7 0.8 0.9"


@dataclass(frozen=True)
class Run:
    """A run of the tool.

    Attributes:
        name: Name of its files in ``benchmarks/speed/results/``.
        title: Its heading on the page as long as nobody has measured it.
        arguments: Arguments of ``tools/benchmark.py``, without those that name files.
    """

    name: str
    title: str
    arguments: str

    @property
    def command(self) -> str:
        file = f"benchmarks/speed/results/{self.name}"
        return f"python tools/benchmark.py {self.arguments} --json {file}.json --plot {file}.png"

    def heading(self, gpu: str | None) -> str:
        """Return its heading on the page, with the card that ran it."""
        return self.title.replace("GPU", gpu, 1) if gpu else self.title

    @property
    def argv(self) -> list[str]:
        return shlex.split(self.command)[2:]


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
# What `make gpu` measures (benchmarks/gpu/), in minutes, on whatever card there is: the result names it.
ON_GPU = "--device cuda --dtype bfloat16 --repeats 5 --least-seconds 0.3"
GPU_RUNS = (
    Run(
        "gpu_step_tiny",
        "GPU, bfloat16: training step, tiny",
        f"step --arch tiny --batch-size 128 --compile --prepare-seconds 35 --peers packed masked_dense spark {ON_GPU}",
    ),
    Run(
        "gpu_step_base",
        "GPU, bfloat16: training step, base",
        f"step --arch base --batch-size 64 --compile --prepare-seconds 55 --peers packed masked_dense {ON_GPU}",
    ),
    Run(
        "gpu_pretrain_tiny",
        "GPU, bfloat16: encoder, tiny",
        "pretrain --arch tiny --batch-size 128 --compile --prepare-seconds 30 --peers packed masked_dense timm spark "
        f"{ON_GPU}",
    ),
    Run(
        "gpu_backbone_tiny",
        "GPU, bfloat16: whole images, tiny",
        "backbone --arch tiny --size 512 1024 --batch-size 16 4 --prepare-seconds 8 "
        f"--peers ours timm timm_channels_last mmpretrain {ON_GPU}",
    ),
    Run(
        "gpu_pretrain_base",
        "GPU, bfloat16: encoder, base",
        f"pretrain --arch base --batch-size 64 --prepare-seconds 15 --peers packed masked_dense timm spark {ON_GPU}",
    ),
)
PLAN: tuple[Run, ...] = (*CPU_RUNS, *GPU_RUNS)
