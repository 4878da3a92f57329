"""The model card of an encoder: what it has learnt from, what was measured, and how it is used and made again."""

from collections.abc import Sequence

from cnxv2_mm.images.survey import Survey
from cnxv2_mm.recipes import model_card
from cnxv2_mm.recipes.pretraining.measures import Measures
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.recipes.settings import Setting

# Name of a measure -> what it is called, and what it means.
_MEANINGS = {
    "loss": ("held-out loss", "squared error of the hidden pixels that it paints, each patch scaled to variance 1"),
    "rank_me": ("RankMe", "over how many directions the features of the images spread; 1 is a collapse"),
    "cosine_distance": ("feature distance", "how different the channels are, 0 to about 0.5; 0 is a collapse"),
    "knn": ("k-NN accuracy", "how many images their 20 nearest neighbours classify correctly, folders being classes"),
}


def describe_data(number: int, reasons: dict[str, int], smallest: tuple[int, int], largest: tuple[int, int]) -> str:
    """Return the images in a sentence: how many, how large, and what was left out.

    Args:
        number: How many are used.
        reasons: How many were left out for each group of reasons.
        smallest: Height and width of the smallest.
        largest: Height and width of the largest.
    """
    sizes = f"{smallest[1]} x {smallest[0]} to {largest[1]} x {largest[0]} pixels"
    left_out = ", ".join(f"{times} {group}" for group, times in reasons.items())
    return f"{number} images of {sizes}; left out: {left_out or 'none'}"


def data_of(survey: Survey) -> str:
    """Return the images of a survey in a sentence."""
    return describe_data(len(survey.files), survey.reasons(), survey.smallest, survey.largest)


def write_model_card(
    folder: RunFolder,
    title: str,
    data: str,
    start_licence: str | None,
    settings: Sequence[Setting],
    measures: Measures,
    command: str,
    next_commands: Sequence[str],
) -> None:
    """Write the card.

    Args:
        folder: The run folder.
        title: The model, for people.
        data: The images in a sentence.
        start_licence: The licence of the weights that the training started from; None for a random start.
        settings: What was decided.
        measures: The held-out images, before and after.
        command: What reproduces the training.
        next_commands: What can be done with the encoder.
    """
    rows = (
        (name, f"{measures.first[key]:.3g}", f"{measures.last[key]:.3g}", meaning)
        for key, (name, meaning) in _MEANINGS.items()
        if key in measures.last
    )
    columns = ("measure of images that the training did not see", "before", "after", "meaning")
    head = ["pipeline_tag: image-feature-extraction", "tags: [convnextv2, fcmae, masked-autoencoder]"]
    parts = [
        f"An encoder that has learnt from images without labels, by FCMAE (arXiv 2301.00808). Data: {data}.",
        f"Licence of the weights it started from: {start_licence}."
        if start_licence
        else "It started from random weights.",
        model_card.table(columns, rows, numbers=(1, 2)),
        f"Painting each hidden patch in its mean colour has a held-out loss of {measures.last['patch_mean_loss']:.4g}: "
        "an encoder that has learnt something is below it.",
        "## Use it",
        "`encoder.safetensors` has the weights, and in its metadata the size, mean and standard deviation.",
        model_card.commands(next_commands),
        "## Make it again",
        model_card.commands([command]),
        model_card.settings_table(settings),
    ]
    model_card.write_model_card(folder, title, start_licence, head, parts)
