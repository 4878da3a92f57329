"""What a training step would move and launch on a GPU, computed without one. Nothing is run, and nothing is timed.

A mock of the CUDA runtime, built on first use, is enough for PyTorch to trace fake tensors on 'cuda' and for Inductor
to generate its code. From both, bytes and launches are counted.

- ``runtime.c``, ``mock_cuda.py``: the mock, and the environment in which Python takes it for a GPU
- ``count.py``: bytes and launches by operator or kernel
- ``launches.py``: how many kernels each of PyTorch's operators launches
- ``eager.py``: counts the operators of a step
- ``compiled.py``: counts the kernels that Inductor generates for it
- ``fake_step.py``: a step of ours on fake tensors
- ``plan.py``: the rows that are committed
- ``result.py``, ``page.py``: ``benchmarks/gpu_traffic.json``, and the table of ``benchmarks/README.md``
"""
