"""The tables: each pairs names one to one, whatever the library."""

import pytest
import torch

from cnxv2_mm.checkpoints.dialects import DIALECTS
from tests.checkpoints.peers import in_dialect, in_ours, random_decoder, random_network

HOLDS_CLASSIFIER = [name for name in DIALECTS if name != "official-sparse"]


@pytest.mark.parametrize("v1", [False, True], ids=["v2", "v1"])
@pytest.mark.parametrize("dialect", HOLDS_CLASSIFIER)
def test_there_and_back_is_the_same_bit_for_bit(dialect, v1):
    network = random_network(v1=v1)
    back = in_ours(in_dialect(network, dialect))
    assert back.keys() == network.keys()
    assert all(torch.equal(back[name], network[name]) for name in network)


@pytest.mark.parametrize("source", HOLDS_CLASSIFIER)
@pytest.mark.parametrize("target", HOLDS_CLASSIFIER)
def test_every_dialect_reaches_every_other_bit_for_bit(source, target):
    network = random_network()
    direct = in_dialect(network, target)
    reached = in_dialect(in_ours(in_dialect(network, source)), target)
    assert list(reached) == list(direct)
    assert all(torch.equal(reached[name], direct[name]) for name in direct)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_second_conversion_changes_nothing(dialect):
    once = in_dialect(random_network() | random_decoder(), dialect)
    twice = in_dialect(in_ours(once), dialect)
    assert list(once) == list(twice)
    assert all(torch.equal(once[name], twice[name]) for name in once)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_two_tensors_share_a_name_or_memory(dialect):
    network = random_network() | random_decoder()
    written = in_dialect(network, dialect)
    pointers = {tensor.data_ptr() for tensor in [*written.values(), *network.values()]}
    assert len(pointers) == len(written) + len(network)
    assert all(tensor.is_contiguous() for tensor in written.values())
