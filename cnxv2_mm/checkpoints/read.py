"""From a checkpoint file to the network in it: whole, checked and with our names."""

import os
from dataclasses import replace

from cnxv2_mm.checkpoints.architecture import Architecture
from cnxv2_mm.checkpoints.files import local_file, read_tensors
from cnxv2_mm.checkpoints.norm_eps import find_eps_of_file
from cnxv2_mm.checkpoints.translate import Translation, to_ours


def read_network(
    checkpoint: str | os.PathLike[str],
    prefix: str | None = None,
    entry: str | None = None,
    trust_pickle: bool = False,
) -> tuple[Translation, Architecture, str]:
    """Read the network of a checkpoint, check that it is whole, and translate it into our names.

    No tensor shows which activation a network has: the exact GELU is assumed. A network that is known to have another
    one is refused: by its size (some of timm's), or by a ``config.json`` in the same folder. Nor does any tensor show
    which eps its norms have: the architecture has it where something else tells it
    (:func:`cnxv2_mm.checkpoints.norm_eps.find_eps_of_file`).

    Args:
        checkpoint: The file to read, see :func:`cnxv2_mm.checkpoints.files.read_tensors`, also for ``entry`` and
            ``trust_pickle``.
        prefix: What stands before the names of the network, see :func:`cnxv2_mm.checkpoints.translate.to_ours`.

    Returns:
        The network, its architecture, and the entry of the file that held it ('' for the top level).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file cannot be read, or does not hold one whole network.
    """
    path = local_file(checkpoint)
    tensors, entry = read_tensors(path or checkpoint, entry, trust_pickle)
    try:
        translation = to_ours(tensors, prefix)
        architecture = translation.check()
        eps = find_eps_of_file(checkpoint, path, translation.dialect, architecture)
        return translation, replace(architecture, norm_eps=eps), entry
    except ValueError as error:
        raise ValueError(f"checkpoint={os.fspath(checkpoint)!r}: {error}") from error
