"""MinkowskiEngine's sparse tensors under our encoder and pre-trainer: ``layout='minkowski'``."""

from benchmarks.speed.our_peers import OurEncoder, OurStep
from benchmarks.speed.peer import Network, Peer, PeerUnavailable, Workload
from cnxv2_mm.layouts import find_masked_layout

LAYOUT = "minkowski"


def require_minkowski() -> None:
    """Raise :class:`PeerUnavailable` unless the layout, and the engine under it, is there."""
    try:
        find_masked_layout(LAYOUT)
    except (ImportError, ValueError) as error:
        raise PeerUnavailable(str(error).partition(". ")[0]) from error  # what follows is how to install it


def build_encoder(workload: Workload) -> Network:
    require_minkowski()
    return OurEncoder(workload, LAYOUT)


def build_step(workload: Workload) -> Network:
    require_minkowski()
    return OurStep(workload, LAYOUT)


# The engine's operators are opaque to torch.compile.
ENCODERS = (
    Peer("minkowski", "ours on MinkowskiEngine's sparse tensors: visible cells alone", build_encoder, compilable=False),
)
STEPS = (Peer("minkowski", "ours: FCMAE on MinkowskiEngine's sparse tensors", build_step, compilable=False),)
