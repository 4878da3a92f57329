"""The model card of a fine-tuned model: its scores on the validation images, and the licence it comes under."""

from collections.abc import Mapping, Sequence

from cnxv2_mm.recipes import model_card
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.recipes.settings import Setting


def write_model_card(
    folder: RunFolder, settings: Sequence[Setting], scores: Mapping[str, float], use: Sequence[str]
) -> None:
    """Write the card.

    Args:
        folder: The run folder.
        settings: What was decided; those called model, data and licence are in its text, too.
        scores: The best scores by name, as fractions of one.
        use: Commands that use the model.
    """
    decided = {setting.name: setting.value for setting in settings}
    reached = ((name, f"{score:.3f}") for name, score in scores.items())
    parts = [
        f"Trained on {decided['data']}.",
        f"Licence of the weights it started from: {decided['licence']}.",
        model_card.table(("score on the validation images", ""), reached, numbers=(1,)),
        "`model.pth` has the weights that reached these scores, `config.py` the model and the training.",
        model_card.commands(use),
        model_card.settings_table(settings),
    ]
    model_card.write_model_card(folder, decided["model"], decided["licence"], [], parts)
