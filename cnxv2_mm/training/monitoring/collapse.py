"""When the features of a network have collapsed: the rule behind the warning of a training.

The paper has curves of the feature cosine distance (figure 4 of arXiv 2301.00808) and no threshold. So the rule is
ours:

- A hidden layer has collapsed if its distance is below 0.25. That is half-way between channels that are all the same
  (0) and channels that have nothing to do with each other (0.5): their cosine is above 0.5 on average.
- The features have collapsed if that is so in a quarter of the encoder's hidden layers, or more.

A new network has 0.4 to 0.5 in every layer. Trained ones are in ``docs/pretrain.md``.
"""

from collections.abc import Mapping

COLLAPSED_BELOW = 0.25
COLLAPSED_SHARE = 0.25


def collapsed_layers(distances: Mapping[str, float]) -> list[str]:
    """Return the names of the hidden layers that have collapsed, if the features have; else nothing.

    Args:
        distances: The feature cosine distance of each hidden layer of the encoder, averaged over images.
    """
    low = [name for name, distance in distances.items() if distance < COLLAPSED_BELOW]
    return low if len(low) >= COLLAPSED_SHARE * len(distances) else []
