"""What the detectors of mmdet have in common: what they give, and how mmdet itself computes it."""

from typing import ClassVar

from mmdet.structures import DetDataSample
from torch import Tensor

from cnxv2_mm.export.models.base import ExportableModel, Output

DETECTIONS = (
    Output("boxes", ("detections", 4), "x1, y1, x2, y2 in pixels of the image"),
    Output("scores", ("detections",), "confidence, 0 to 1, the best first"),
    Output("labels", ("detections",), "number of the class, from 0"),
)
MASKS = Output("masks", ("detections", "height", "width"), "whether a pixel of the image belongs to the object")


class Detector(ExportableModel):
    """A detector of mmdet."""

    task: ClassVar[str] = "detector"
    takes_batches: ClassVar[bool] = False

    @property
    def outputs(self) -> tuple[Output, ...]:
        return DETECTIONS

    def reference(self, inputs: Tensor) -> tuple[Tensor, ...]:
        height, width = inputs.shape[-2:]
        sample = DetDataSample(
            metainfo={"img_shape": (height, width), "ori_shape": (height, width), "scale_factor": (1.0, 1.0)}
        )
        found = self.model.test_step({"inputs": [inputs[0]], "data_samples": [sample]})[0].pred_instances
        detections = (found.bboxes, found.scores, found.labels)
        return (*detections, found.masks) if MASKS in self.outputs else detections
