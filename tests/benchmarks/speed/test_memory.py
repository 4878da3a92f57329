"""Memory, by tensors of known size."""

import torch

from benchmarks.speed.memory import peak_memory, peak_of_changes, saved_for_backward

CPU = torch.device("cpu")
MIB = 2**20


def test_peak_memory_is_what_was_alive_at_once():
    def call():
        first = torch.empty(10 * MIB, dtype=torch.uint8)
        second = torch.empty(20 * MIB, dtype=torch.uint8)
        del first
        third = torch.empty(5 * MIB, dtype=torch.uint8)
        del second, third

    assert peak_memory(call, CPU) == 30 * MIB


def test_what_was_there_before_does_not_count_and_temporaries_do():
    before = torch.ones(4, MIB)  # 16 MiB
    # The exponential is alive while its double is made, and so is nothing else.
    assert peak_memory(lambda: before.exp().double(), CPU) == 16 * MIB + 32 * MIB


def test_peak_memory_is_silent_and_gives_the_error_stream_back(capfd):
    peak_memory(lambda: torch.ones(1), CPU)
    print("still there", file=__import__("sys").stderr)
    assert capfd.readouterr().err == "still there\n"


def test_peak_of_changes():
    assert peak_of_changes([3, 4, -3, 2, -4, 4]) == 7
    assert peak_of_changes([]) == 0


def test_saved_for_backward_counts_each_storage_once_and_no_parameter():
    weight = torch.nn.Parameter(torch.ones(MIB))
    images = torch.ones(MIB)

    # x * weight keeps images and weight; exp keeps its result; the view of it that is squared has the same storage.
    def forward():
        hidden = (images * weight).exp()
        return hidden.view(2, -1).square()

    assert saved_for_backward(forward, [weight]) == 4 * MIB + 4 * MIB
