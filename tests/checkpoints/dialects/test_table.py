"""Rows and their templates."""

import pytest

from cnxv2_mm.checkpoints.dialects import DIALECTS
from cnxv2_mm.checkpoints.dialects.table import compile_template

PLACES = {"i": "3", "d": "2", "j": "26", "k": "1", "p": "bias", "g": "beta", "f": "7"}


@pytest.mark.parametrize(
    ("template", "name", "places"),
    [
        ("stages.{i}.{j}.norm.{p}", "stages.2.11.norm.bias", {"i": "2", "j": "11", "p": "bias"}),
        ("stages.{i}.{j}.norm.{p}", "stages.4.11.norm.bias", None),
        ("stages.{i}.{j}.norm.{p}", "stages.2.011.norm.bias", None),
        ("stages.{i}.{j}.norm.{p}", "stages.2.1000.norm.bias", None),
        ("stages.{i}.{j}.norm.{p}", "stages.2.11.norm.gamma", None),
        ("stages.{i}.{j}.norm.{p}", "stages.2.11xnorm.bias", None),
        ("down.{d}.{k}", "down.0.1", None),
        ("down.{d}.{k}", "down.1.1", {"d": "1", "k": "1"}),
    ],
)
def test_a_template_matches_its_names_and_no_others(template, name, places):
    match = compile_template(template).fullmatch(name)
    assert (match and match.groupdict()) == places


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_both_sides_of_a_row_have_the_same_places(dialect):
    """Else a name of one side could not be made from one of the other."""
    for row in (*dialect.backbone, *dialect.around):
        theirs, ours = row.theirs.format(**PLACES), row.ours.format(**PLACES)
        assert ours.format(**PLACES) == row.ours.format(**row.their_names.fullmatch(theirs).groupdict())
        assert theirs == row.theirs.format(**row.our_names.fullmatch(ours).groupdict())


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_the_signature_is_a_tensor_of_every_block(dialect):
    name = dialect.signature.format(**PLACES)
    (row,) = (row for row in dialect.backbone if row.their_names.fullmatch(name))
    assert row.ours.format(**PLACES).startswith("backbone.stages.3.26.dwconv.")


@pytest.mark.parametrize(
    ("dialect", "level", "inside"),
    [
        ("timm", "stages", True),
        ("timm", "head", False),
        ("timm-features", "stages_3", True),
        ("timm-features", "stages_4", True),
        ("timm-features", "stages", False),
        ("ours", "norm4", True),
        ("ours", "norms", False),
        ("torchvision", "features", True),
        ("torchvision", "classifier", False),
    ],
)
def test_the_levels_of_the_network_are_told_from_others(dialect, level, inside):
    """Also those of a network with more stages: none of it may count as something beside the network."""
    assert bool(DIALECTS[dialect].levels.fullmatch(level)) == inside
