"""From a checkpoint file to another one, in the dialect of another library."""

import os
from dataclasses import dataclass

from cnxv2_mm.backbone import LAYER_NORM_EPS
from cnxv2_mm.checkpoints.architecture import Architecture
from cnxv2_mm.checkpoints.dialects import DIALECTS
from cnxv2_mm.checkpoints.files import source_files
from cnxv2_mm.checkpoints.read import read_network
from cnxv2_mm.checkpoints.target import check_target, write_tensors


@dataclass(frozen=True)
class Conversion:
    """What was done with each tensor of a file.

    Attributes:
        source: The dialect of the file that was read.
        entry: The entry of that file which held the tensors, '' for its top level.
        architecture: The network in it.
        used: The tensors that were written, by their names in the file that was read.
        dropped: The tensors that were not written, by their names in that file, for each reason.
        missing: Parts that a complete model of the new dialect has and the file lacks.
    """

    source: str
    entry: str
    architecture: Architecture
    used: list[str]
    dropped: dict[str, list[str]]
    missing: list[str]


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    dialect: str,
    *,
    prefix: str | None = None,
    entry: str | None = None,
    trust_pickle: bool = False,
    overwrite: bool = False,
) -> Conversion:
    """Write the network of one checkpoint in another dialect. If not all of it can be written, nothing is.

    Args:
        source: The checkpoint to read, see :func:`~cnxv2_mm.checkpoints.read.read_network`, also for ``prefix``,
            ``entry`` and ``trust_pickle``.
        target: The file to write, see :func:`cnxv2_mm.checkpoints.target.write_tensors`.
        dialect: The dialect to write, a name in :data:`~cnxv2_mm.checkpoints.dialects.DIALECTS`.
        overwrite: Replace the target if it exists. The source itself is never replaced.

    Raises:
        OSError: The source does not exist, or the target cannot be written, or exists and may not be replaced.
        ValueError: The source cannot be read or does not hold one whole network; the dialect cannot express that
            network; its norms are known to have another eps than 1e-6, which no file shows; or the target is the
            source.
    """
    if dialect not in DIALECTS:
        raise ValueError(f"dialect={dialect!r} is unknown; choose one of {', '.join(DIALECTS)}")
    new = check_target(target, overwrite)
    if new.exists() and any(map(new.samefile, source_files(source))):
        raise ValueError(f"target={os.fspath(target)!r} is the source itself, which is never replaced; choose another")
    translation, architecture, entry = read_network(source, prefix, entry, trust_pickle)
    if architecture.norm_eps not in (None, LAYER_NORM_EPS):
        raise ValueError(
            f"checkpoint={os.fspath(source)!r} has norms with eps {architecture.norm_eps}, which a file in another "
            f"dialect would not say: load it as it is, into a backbone with norm_eps={architecture.norm_eps}"
        )
    try:
        writing = translation.write(DIALECTS[dialect])
    except ValueError as error:
        raise ValueError(f"checkpoint={os.fspath(source)!r}: {error}") from error
    write_tensors(writing.tensors, target, DIALECTS[dialect].wrapper, overwrite)
    lost = {reason: [translation.origins[name] for name in names] for reason, names in writing.dropped.items()}
    gone = {name for names in lost.values() for name in names}
    return Conversion(
        source=translation.dialect.name,
        entry=entry,
        architecture=architecture,
        used=[name for name in translation.origins.values() if name not in gone],
        dropped=translation.dropped | lost,
        missing=writing.missing,
    )
