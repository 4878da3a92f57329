"""What a table of names is made of: rows, each with a name of the library and one of ours.

In the templates ``{i}`` is a stage, ``{d}`` one behind the first, ``{j}`` a block, ``{k}`` a place in the stem or in a
downsampling layer, ``{p}`` 'weight' or 'bias', ``{g}`` 'gamma' or 'beta', ``{f}`` a stage among torchvision's features.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from cnxv2_mm.checkpoints.dialects.form import SAME, Form

_PLACES = {
    "i": r"(?P<i>[0-3])",
    "d": r"(?P<d>[1-3])",
    "j": r"(?P<j>0|[1-9]\d{0,2})",  # at most three digits: up to the highest block, every missing one is listed
    "k": r"(?P<k>[01])",
    "p": r"(?P<p>weight|bias)",
    "g": r"(?P<g>gamma|beta)",
    "f": r"(?P<f>[1357])",
}


def compile_template(template: str) -> re.Pattern[str]:
    """Return a pattern that matches the names of a template."""
    parts = re.split(r"{(\w)}", template)
    return re.compile("".join(_PLACES[p] if i % 2 else re.escape(p) for i, p in enumerate(parts)))


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        theirs: Template of the library's name.
        ours: Template of our name.
        form: How the library shapes the tensor.
        when: Whether the row is used when a file with these tensors (our names) is written. For reading it always is.
    """

    theirs: str
    ours: str
    form: Form = SAME
    when: Callable[[Mapping[str, Tensor]], bool] = lambda _: True

    @cached_property
    def their_names(self) -> re.Pattern[str]:
        return compile_template(self.theirs)

    @cached_property
    def our_names(self) -> re.Pattern[str]:
        return compile_template(self.ours)


@dataclass(frozen=True)
class Dialect:
    """The names and shapes of one library.

    Attributes:
        name: The name by which users choose it.
        backbone: Rows of the network without its head. The first row that matches counts, for reading and for writing.
        around: Rows of what follows the network: a final norm inside a head, classifier, decoder.
        signature: Template of a tensor of every block, by which the dialect is recognised; official and ours share one.
        roots: Levels that may stand before the names of ``backbone`` but not before those of ``around``.
        write_root: Returns the one of them to write, for a file with these tensors (our names).
        wrapper: Entry of the file under which the library looks for the tensors; '' for the top level.
        other_heads: First levels of names of heads that are more than a linear layer behind the pooled and normed map.
        beside: Levels that stand where those of ``backbone`` do and are no part of the network, each with what it is.
        needs_layer_scale: Whether every block of the library's networks has a layer scale, as in V1.
    """

    name: str
    backbone: tuple[Row, ...]
    around: tuple[Row, ...]
    signature: str
    roots: tuple[str, ...] = ()
    write_root: Callable[[Mapping[str, Tensor]], str] = lambda _: ""
    wrapper: str = ""
    other_heads: tuple[str, ...] = ()
    beside: tuple[tuple[str, str], ...] = ()
    needs_layer_scale: bool = False

    @cached_property
    def levels(self) -> re.Pattern[str]:
        """The first levels of the names of ``backbone``, with any number in them: a further stage is no other part."""
        first = dict.fromkeys(row.theirs.split(".")[0] for row in self.backbone)
        return re.compile("|".join(re.sub(r"{\w}", r"\\d+", level) for level in first))

    @cached_property
    def signature_names(self) -> re.Pattern[str]:
        return re.compile(rf"(?P<prefix>(?:.+\.)?){compile_template(self.signature).pattern}")


STEM_AND_DOWNSAMPLING = Row("downsample_layers.{i}.{k}.{p}", "backbone.downsample_layers.{i}.{k}.{p}")
FINAL_NORM = "backbone.norm3.{p}"  # of the last stage, in the libraries that have no other
CLASSIFIER = "head.fc.{p}"


def blocks(theirs: str, *rows: tuple[str, str] | tuple[str, str, Form]) -> tuple[Row, ...]:
    """Return the rows of the tensors of a block, given their names inside the block."""
    return tuple(Row(theirs + row[0], "backbone.stages.{i}.{j}." + row[1], *row[2:]) for row in rows)


def same(before: str, *names: str) -> tuple[Row, ...]:
    """Return rows of tensors that are called the same on both sides."""
    return tuple(Row(before + name, before + name) for name in names)
