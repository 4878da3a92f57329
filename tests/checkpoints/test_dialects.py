"""The tables: each pairs names one to one, whatever the library."""

import pytest
import torch

from cnxv2_mm.checkpoints.dialects import DIALECTS
from tests.checkpoints.peers import (
    FORMS,
    HOLDS_V2,
    held_by,
    in_dialect,
    in_ours,
    network_for,
    random_decoder,
    random_network,
)


@pytest.mark.parametrize(("dialect", "v1"), FORMS)
def test_there_and_back_is_the_same_bit_for_bit(dialect, v1):
    network = held_by(dialect, random_network(v1=v1))
    back = in_ours(in_dialect(network, dialect))
    assert back.keys() == network.keys()
    assert all(torch.equal(back[name], network[name]) for name in network)


@pytest.mark.parametrize(("source", "v1"), FORMS)
@pytest.mark.parametrize("target", DIALECTS)
def test_every_dialect_reaches_every_other_bit_for_bit(source, target, v1):
    if (target, v1) not in FORMS:
        with pytest.raises(ValueError, match=rf"{target} networks have no place for \d+ of its tensors"):
            in_dialect(in_ours(in_dialect(random_network(v1=v1), source)), target)
        return
    network = held_by(source, random_network(v1=v1))
    direct = in_dialect(network, target)
    reached = in_dialect(in_ours(in_dialect(network, source)), target)
    assert list(reached) == list(direct)
    assert all(torch.equal(reached[name], direct[name]) for name in direct)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_second_conversion_changes_nothing(dialect):
    once = in_dialect(network_for(dialect) | random_decoder(), dialect)
    twice = in_dialect(in_ours(once), dialect)
    assert list(once) == list(twice)
    assert all(torch.equal(once[name], twice[name]) for name in once)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_two_tensors_share_a_name_or_memory(dialect):
    network = network_for(dialect) | random_decoder()
    written = in_dialect(network, dialect)
    pointers = {tensor.data_ptr() for tensor in [*written.values(), *network.values()]}
    assert len(pointers) == len(written) + len(network)
    assert all(tensor.is_contiguous() for tensor in written.values())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_network_without_grn_and_without_layer_scale_is_written_where_the_library_has_such(dialect):
    """Blocks of torchvision and of DINOv3 always have a layer scale; the others' configs can leave it out."""
    plain = {name: tensor for name, tensor in random_network(v1=True).items() if not name.endswith(".gamma")}
    if dialect in HOLDS_V2:
        assert in_ours(in_dialect(plain, dialect)).keys() == held_by(dialect, plain).keys()
    else:
        with pytest.raises(ValueError, match=rf"every block of {dialect} networks has a layer scale, and this network"):
            in_dialect(plain, dialect)
