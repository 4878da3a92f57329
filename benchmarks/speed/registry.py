"""Which peers each benchmark has, and which of them is the specification."""

from benchmarks.speed import minkowski_peers, mmpretrain_peers, our_peers, timm_peers
from benchmarks.speed.peer import Peer

_ALL: dict[str, tuple[Peer, ...]] = {
    "pretrain": (
        *our_peers.ENCODERS,
        *minkowski_peers.ENCODERS,
        *mmpretrain_peers.ENCODERS,
        *timm_peers.ENCODERS,
    ),
    "backbone": (*our_peers.BACKBONES, *mmpretrain_peers.BACKBONES, *timm_peers.BACKBONES),
    "step": (*our_peers.STEPS, *minkowski_peers.STEPS, *mmpretrain_peers.STEPS),
}
PEERS: dict[str, dict[str, Peer]] = {name: {peer.name: peer for peer in peers} for name, peers in _ALL.items()}
# The peer whose numbers are right by definition: the layout that reads like its definition, and the dense backbone.
SPECIFICATIONS: dict[str, Peer] = {
    "pretrain": PEERS["pretrain"]["masked_dense"],
    "backbone": PEERS["backbone"]["ours"],
    "step": PEERS["step"]["masked_dense"],
}
DIRECTIONS: dict[str, tuple[str, ...]] = {
    "pretrain": ("forward+backward",),
    "backbone": ("forward+backward", "forward"),
    "step": ("step",),
}
