"""From a checkpoint file to the network in it: whole, checked and with our names."""

import os

from cnxv2_mm.checkpoints.architecture import Architecture
from cnxv2_mm.checkpoints.files import read_tensors
from cnxv2_mm.checkpoints.hub_config import check_hub_config
from cnxv2_mm.checkpoints.translate import Translation, to_ours


def read_network(
    checkpoint: str | os.PathLike[str],
    prefix: str | None = None,
    entry: str | None = None,
    trust_pickle: bool = False,
) -> tuple[Translation, Architecture, str]:
    """Read the network of a checkpoint, check that it is whole, and translate it into our names.

    No tensor shows which activation a network has and which eps its norms have. The exact GELU and 1e-6 are assumed. A
    network that is known to have others is refused: by its size (some of timm's), or by a ``config.json`` in the same
    folder.

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
    tensors, entry = read_tensors(checkpoint, entry, trust_pickle)
    try:
        translation = to_ours(tensors, prefix)
        architecture = translation.check()
        check_hub_config(checkpoint, translation.dialect)
        return translation, architecture, entry
    except ValueError as error:
        raise ValueError(f"checkpoint={os.fspath(checkpoint)!r}: {error}") from error
