"""Importing MinkowskiEngine, which few have installed and which Python 3.10 and later no longer import as released.

Tested: the released 0.5.4, built for the CPU, with PyTorch 2.14.1 on Python 3.11. Besides PyTorch and NumPy it needs
only the OpenBLAS library it was linked to.
"""

import collections
import collections.abc
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

# The Makefile runs the same commands. No cache: a wheel built against another torch would be used without a word.
# PEP 517: otherwise pip 23 leaves the settings out.
INSTALL = """\
apt-get install -y libopenblas-dev
python -m pip install setuptools==80.10.2 wheel ninja numpy
python -m pip install MinkowskiEngine==0.5.4 --no-deps --no-build-isolation --no-cache-dir --use-pep517 \
--config-settings="--global-option=--cpu_only" --config-settings="--global-option=--blas=openblas"
"""


def import_engine() -> ModuleType:
    """Return the module ``MinkowskiEngine``.

    Raises:
        ImportError: It is not installed, or not in a way that it can be imported; says how to install it.
    """
    try:
        with _sequence_in_collections():
            import MinkowskiEngine
    except ImportError as error:
        raise ImportError(
            f"layout='minkowski' needs MinkowskiEngine, and importing it failed: {error}. Its CPU build takes about "
            f"seven minutes, in an activated environment that has torch:\n\n{INSTALL}\n"
            "layout='packed' computes the same numbers without it."
        ) from error
    return MinkowskiEngine


@contextmanager
def _sequence_in_collections() -> Iterator[None]:
    """Make ``collections.Sequence`` available while the body runs: 0.5.4 imports the class by that name."""
    if hasattr(collections, "Sequence"):
        yield
        return
    vars(collections)["Sequence"] = collections.abc.Sequence
    try:
        yield
    finally:
        del vars(collections)["Sequence"]
