"""The model card of a fine-tuned model: ``README.md`` of its folder, in the form that model hubs show."""

from collections.abc import Mapping, Sequence

from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.recipes.settings import Setting
from cnxv2_mm.training.saving import write_whole


def write_model_card(
    folder: RunFolder,
    title: str,
    data: str,
    settings: Sequence[Setting],
    scores: Mapping[str, float],
    use: Sequence[str],
) -> None:
    """Write the card.

    Args:
        folder: The run folder.
        title: The model, for people.
        data: The data in one sentence.
        settings: What was decided.
        scores: The best scores by name, as fractions of one.
        use: Commands that use the model.
    """
    rows = [f"| {setting.name} | {setting.value} | {setting.why} |" for setting in settings]
    reached = [f"| {name} | {score:.3f} |" for name, score in scores.items()]
    lines = [
        "---",
        "license: unknown  # yours to fill in: it depends on the weights that the training started from",
        "library_name: cnxv2_mm",
        "---",
        "",
        f"# {title}",
        "",
        f"Trained on {data}",
        "",
        "| score on the validation images | |",
        "|---|---:|",
        *reached,
        "",
        "`model.pth` has the weights that reached these scores, `config.py` the model and the training.",
        "",
        "```bash",
        *use,
        "```",
        "",
        "| setting | value | why |",
        "|---|---|---|",
        *rows,
        "",
    ]
    write_whole("\n".join(lines).encode(), folder.card)
