"""What is compared: each arm differs from ConvNeXt V2 with FCMAE in the one thing that its line names."""

from dataclasses import dataclass, field
from typing import Any, Literal

from cnxv2_mm.variants import V1_ARGUMENTS


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        name: Its name in files and tables.
        backbone: Arguments of ``ConvNeXtV2`` that differ from the default.
        method: Trained by FCMAE and then fine-tuned, or with labels from the start.
        mask_ratio: Share of the patches that FCMAE hides.
        layout: How the encoder sees a masked image.
    """

    name: str
    backbone: dict[str, Any] = field(default_factory=dict)
    method: Literal["fcmae", "supervised"] = "fcmae"
    mask_ratio: float = 0.6
    layout: str = "packed"

    @property
    def decoder(self) -> dict[str, Any]:
        """Arguments of FCMAE's decoder: that of the paper before GRN was a plain ConvNeXt block (section 3)."""
        return {"use_grn": False} if self.backbone.get("use_grn") is False else {}


V1 = dict(V1_ARGUMENTS)

ARMS = (
    Arm("v1", V1),
    Arm("v2"),
    Arm("v1-supervised", V1, method="supervised"),
    Arm("v2-supervised", method="supervised"),
    Arm("v1-masked-input", V1, layout="masked_input"),
    Arm("mask-0.4", mask_ratio=0.4),
    Arm("mask-0.5", mask_ratio=0.5),
    Arm("mask-0.7", mask_ratio=0.7),
    Arm("mask-0.8", mask_ratio=0.8),
    Arm("grn-mean", {"grn": {"aggregation": "mean"}}),
    Arm("grn-l1", {"grn": {"aggregation": "l1"}}),
    Arm("grn-standardise", {"grn": {"normalisation": "standardise"}}),
    Arm("grn-sum", {"grn": {"normalisation": "sum"}}),
    Arm("grn-no-residual", {"grn": {"residual": False}}),
)


@dataclass(frozen=True)
class Transfer:
    """An encoder in the demo's UperNet.

    Attributes:
        name: Its name in files and tables.
        backbone: Arguments of ``ConvNeXtV2`` that differ from the default.
        pretrained: The arm whose pre-trained encoder it starts from; None starts from random weights.
    """

    name: str
    backbone: dict[str, Any]
    pretrained: str | None


TRANSFERS = (
    Transfer("upernet-v1-random", V1, None),
    Transfer("upernet-v2-random", {}, None),
    Transfer("upernet-v1-fcmae", V1, "v1"),
    Transfer("upernet-v2-fcmae", {}, "v2"),
)


@dataclass(frozen=True)
class Comparison:
    """A table of the page.

    Attributes:
        title: What is compared.
        paper: What the paper says, with its numbers and where they are.
        arms: The rows; the first is what the others are compared with.
        columns: The measures shown, by their keys in the results.
    """

    title: str
    paper: str
    arms: tuple[str, ...]
    columns: tuple[str, ...]


CLASSIFICATION = ("finetuned", "probe", "knn", "rank_me", "distance")
COMPARISONS = (
    Comparison(
        "Network and objective together (figure 4, table 3)",
        "FCMAE alone does not help V1 (Base: 83.8 supervised, 83.7 with FCMAE, of which the encoder's features have "
        "collapsed); with GRN it does (84.3 supervised, 84.6 with FCMAE).",
        ("v2", "v1", "v2-supervised", "v1-supervised"),
        CLASSIFICATION,
    ),
    Comparison(
        "Aggregation in GRN (table 2a)",
        "Global average 83.7, L1 norm 84.3, L2 norm 84.6.",
        ("v2", "grn-mean", "grn-l1"),
        CLASSIFICATION,
    ),
    Comparison(
        "Normalisation in GRN (table 2b)",
        "Standardise 84.5, 1 / sum 83.8, x / sum 84.6.",
        ("v2", "grn-standardise", "grn-sum"),
        CLASSIFICATION,
    ),
    Comparison(
        "Residual connection in GRN (table 2c)",
        "Without it 84.0, with it 84.6.",
        ("v2", "grn-no-residual"),
        CLASSIFICATION,
    ),
    Comparison(
        "Mask ratio (figure 8)",
        "0.5 to 0.7 are best, 0.6 the very best; the figure has no numbers in the text.",
        ("v2", "mask-0.4", "mask-0.5", "mask-0.7", "mask-0.8"),
        CLASSIFICATION,
    ),
    Comparison(
        "Sparse convolution against plain convolution of masked images, V1 (section 3)",
        "Without sparse convolution 79.3, with it 83.7.",
        ("v1", "v1-masked-input"),
        CLASSIFICATION,
    ),
    Comparison(
        "Transfer: the demo's UperNet from each encoder",
        "Tables 6 and 7 show gains of FCMAE and GRN in Mask R-CNN and UperNet; they hold no random start.",
        ("upernet-v2-fcmae", "upernet-v2-random", "upernet-v1-fcmae", "upernet-v1-random"),
        ("miou",),
    ),
)
