"""The tasks of ``cnxv2 finetune`` by name."""

from cnxv2_mm.recipes.finetuning.classification import Classification
from cnxv2_mm.recipes.finetuning.detection import Detection
from cnxv2_mm.recipes.finetuning.segmentation import Segmentation
from cnxv2_mm.recipes.finetuning.task import Task

_ALL: tuple[Task, ...] = (Detection(), Segmentation(), Classification())
TASKS = {task.name: task for task in _ALL}
