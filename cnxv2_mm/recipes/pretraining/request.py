"""What the user asked for. A resumed run goes on with it, and says which option would change it."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from cnxv2_mm.training.saving import write_whole

REQUEST = "request.json"
# Option -> how it is written on the command line.
_OPTIONS = {"images": "FOLDER", "duration": "--time"}


@dataclass(frozen=True)
class Request:
    """What was asked for; None stands for an option that was not given.

    Attributes:
        images: The folder of images, with its whole path.
        arch: The size of the encoder.
        weights: What the training starts from.
        duration: Seconds that it may take.
        epochs: How often each image is loaded.
        size: Side of the crops, in pixels.
        repeats: How often a loaded image is trained on in its step.
    """

    images: str
    arch: str | None = None
    weights: str | None = None
    duration: float | None = None
    epochs: int | None = None
    size: int | None = None
    repeats: int | None = None

    def write(self, folder: Path) -> None:
        """Write ``request.json`` into the folder of lists."""
        write_whole(json.dumps(asdict(self), indent=2).encode(), folder / REQUEST)

    def check_same(self, folder: Path) -> None:
        """Refuse to go on with a run that was asked for something else.

        Args:
            folder: The folder of lists of that run. Without a ``request.json`` in it nothing is compared.

        Raises:
            ValueError: An option that was given now differs; the message has all of them.
        """
        file = folder / REQUEST
        if not file.is_file():
            return
        before = json.loads(file.read_text(encoding="utf-8"))
        differences = []
        for field in fields(self):
            now, then = getattr(self, field.name), before.get(field.name)
            if now is not None and now != then:
                option = _OPTIONS.get(field.name, f"--{field.name}")
                differences.append(f"{option} is {now}, and was {'not given' if then is None else then}")
        if differences:
            raise ValueError(
                f"--resume goes on with the settings of {folder.parent}, from which these differ: "
                f"{'; '.join(differences)}. Leave them out, give another --out, or start over by --overwrite."
            )
