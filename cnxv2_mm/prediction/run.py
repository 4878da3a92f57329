"""Predicts whole folders: a picture of each image, and one file with all that was found."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from cnxv2_mm.images import find_images
from cnxv2_mm.prediction.drawing import draw_prediction
from cnxv2_mm.prediction.model import TrainedModel
from cnxv2_mm.prediction.out_folder import make_folder
from cnxv2_mm.prediction.results import Results, results_for
from cnxv2_mm.prediction.tiles import predict_tiles
from cnxv2_mm.whole_file import whole_file

RESULTS = "predictions.json"
_PICTURES, _LABEL_MAPS = "pictures", "label_maps"
_QUALITY = 92  # of JPEG


@dataclass(frozen=True)
class Job:
    """One image and what is written of it.

    Attributes:
        file: The image.
        name: What it is called in the results: its path relative to the folder that was named, or its bare name.
        picture: The picture to write, relative to the folder of the results.
        label_map: The label map to write, if a segmenter predicts; likewise.
    """

    file: Path
    name: str
    picture: Path
    label_map: Path


@dataclass(frozen=True)
class Predictions:
    """What came of a call.

    Attributes:
        results: The file with all that was found.
        done: How many images were predicted.
        unreadable: The images that could not be read, with the reason.
    """

    results: Path
    done: int
    unreadable: tuple[tuple[Path, str], ...]


def plan(words: Sequence[str], out: Path, overwrite: bool = False) -> list[Job]:
    """Find all images, and check that what is to be written overwrites nothing.

    Args:
        words: Image files, and folders, in which images are looked for at any depth.
        out: The folder of the results.
        overwrite: Whether files of an earlier call may be replaced.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: A folder has no images, two images would get the same picture, or a file is there already.
        OSError: ``out`` cannot be made.
    """
    jobs = [_job(file, base) for file, base in _find(words)]
    seen: dict[Path, Job] = {}
    for job in jobs:
        for target in (job.picture, job.label_map):
            other = seen.setdefault(target, job)
            if other is not job:
                what = (
                    f"{job.file} is named twice" if other.file == job.file else f"{other.file} and {job.file} are alike"
                )
                raise ValueError(
                    f"{what}, and both would be written as {out / target}: predict them with an --out of their own."
                )
    taken = [path for path in (Path(RESULTS), *seen) if (out / path).exists()]
    if taken and not overwrite:
        raise ValueError(
            f"--out {out} has predictions of an earlier call ({taken[0]}): give another --out, or "
            "replace them with --overwrite."
        )
    make_folder(out)
    return jobs


def _find(words: Sequence[str]) -> Iterable[tuple[Path, Path]]:
    """Yield each image, and the folder that its name is relative to."""
    for word in map(Path, words):
        if word.is_dir():
            files = find_images(word)
            if not files:
                raise ValueError(f"{word} has no images, at any depth.")
            yield from ((file, word) for file in files)
        elif word.is_file():
            yield word, word.parent
        else:
            raise FileNotFoundError(f"image {word} does not exist.")


def _job(file: Path, base: Path) -> Job:
    name = file.relative_to(base)
    picture = name if name.suffix.lower() in (".jpg", ".jpeg", ".png") else name.with_name(f"{name.name}.jpg")
    label_map = name if name.suffix.lower() == ".png" else name.with_name(f"{name.name}.png")
    return Job(file, name.as_posix(), Path(_PICTURES, picture), Path(_LABEL_MAPS, label_map))


def predict(
    model: TrainedModel,
    jobs: Sequence[Job],
    out: Path,
    min_score: float = 0.3,
    tile: int | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Predictions:
    """Predict images one by one, draw each, and write one file with all that was found.

    Args:
        model: A detector, a segmenter or a classifier.
        jobs: The images, by :func:`plan`.
        out: The folder of the results.
        min_score: Instances with a lower score are neither drawn nor written.
        tile: Side of the tiles in which large images are searched, in pixels; None searches them whole.
        advance: Called behind each image.

    Raises:
        ValueError: The model is none of these, or no image could be read.
        OSError: A file cannot be written.
    """
    results: Results | None = None
    unreadable: list[tuple[Path, str]] = []
    for job in jobs:
        try:
            image = model.pipeline.load(job.file)
        except (ValueError, OSError) as error:
            unreadable.append((job.file, str(error)))
            advance()
            continue
        if tile is None:
            sample = model.predict(image, job.file)
        else:
            sample = predict_tiles(model, image, job.file, tile, min_score)
        results = results or results_for(sample, model.classes, min_score, out)
        results.add(job.name, sample, job.label_map)
        picture = draw_prediction(model.pipeline.picture(image), sample, model.classes, min_score)
        _write_picture(out / job.picture, picture)
        advance()
    if results is None:
        file, reason = unreadable[0]
        raise ValueError(f"none of {len(jobs)} images could be read, the first of them {file}: {reason}")
    with whole_file(out / RESULTS) as part:
        part.write_text(json.dumps(results.as_json(), ensure_ascii=False), encoding="utf-8")
    return Predictions(out / RESULTS, len(jobs) - len(unreadable), tuple(unreadable))


def _write_picture(file: Path, picture: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as part:
        form = "PNG" if file.suffix.lower() == ".png" else "JPEG"
        Image.fromarray(picture).save(part, format=form, quality=_QUALITY)
