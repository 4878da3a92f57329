"""From a checkpoint file to one of another dialect."""

import os
from dataclasses import dataclass

from cnxv2_mm.checkpoints.architecture import Architecture
from cnxv2_mm.checkpoints.dialects import DIALECTS
from cnxv2_mm.checkpoints.files import local_file
from cnxv2_mm.checkpoints.read import read_network
from cnxv2_mm.checkpoints.target import check_target, write_tensors


@dataclass(frozen=True)
class Conversion:
    """What became of every tensor of a file.

    Attributes:
        source: The dialect it was in.
        entry: The entry of the file that was read, '' for its top level.
        architecture: The network it holds.
        used: Names in the file of the tensors that were written, each as one tensor.
        dropped: Reasons, and the names in the file that each leaves out.
        missing: Parts that a whole model of the new dialect has and the file has not.
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
    """Write the network of one checkpoint in another dialect; nothing is written unless all of it can be.

    Args:
        source: The checkpoint to read, see :func:`~cnxv2_mm.checkpoints.read.read_network`, also for ``prefix``,
            ``entry`` and ``trust_pickle``.
        target: The new file, see :func:`cnxv2_mm.checkpoints.target.write_tensors`.
        dialect: A name in :data:`~cnxv2_mm.checkpoints.dialects.DIALECTS`.
        overwrite: Replace the target if it exists. The source itself is never replaced.

    Raises:
        OSError: There is no such file, no folder for the new one, or that exists or cannot be written.
        ValueError: The file cannot be read, does not hold one whole network, or the dialect cannot express it; or the
            target is the source.
    """
    if dialect not in DIALECTS:
        raise ValueError(f"dialect={dialect!r} is unknown; choose one of {', '.join(DIALECTS)}")
    new = check_target(target, overwrite)
    if new.exists() and (old := local_file(source)) is not None and new.samefile(old):
        raise ValueError(f"target={os.fspath(target)!r} is the source itself, which is never replaced; choose another")
    translation, architecture, entry = read_network(source, prefix, entry, trust_pickle)
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
