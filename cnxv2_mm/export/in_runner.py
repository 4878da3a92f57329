"""An exported file in the place of a config's model: the config's own test, data and evaluator, in a ``Runner``."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from torch import Tensor
from torch.nn import functional as F

from cnxv2_mm.export.exported_model import ExportedModel
from cnxv2_mm.prediction.pipeline import ImagePipeline
from cnxv2_mm.registry import MODELS


def use_exported_file(config: Config, file: str) -> None:
    """Change a config so that its test runs an exported file instead of its model.

    Args:
        config: A whole config; edited in place.
        file: The file.

    Raises:
        ValueError: The config tests in half precision or in several processes, which a file cannot.
    """
    if config.get("launcher", "none") != "none":
        raise ValueError(f"--launcher {config.launcher}: an exported file is tested in one process, leave it out")
    if (config.get("test_cfg") or {}).get("fp16"):
        raise ValueError(f"test_cfg.fp16: {file} has its precision inside, export it with --fp16 instead")
    init_default_scope(config.get("default_scope") or "mmengine")
    heads = (config.get("model") or {}).get("decode_head") or {}
    config.model = ConfigDict(
        type="cnxv2_mm.ExportedFile",
        file=file,
        reads_rgb=ImagePipeline(config).reads_rgb,
        align_corners=bool((heads if isinstance(heads, Mapping) else heads[-1]).get("align_corners")),
    )
    config.pop("data_preprocessor", None)  # it is in the file
    config.load_from, config.resume = None, False


@MODELS.register_module()
class ExportedFile(BaseModel):
    """An exported file that takes batches and gives data samples as a model of mmdet, mmseg or mmpretrain does.

    Results are brought to the pixels of the image as it was read (``ori_shape``): boxes by ``scale_factor``, masks,
    label maps and logits by resizing them. Where the pipeline has changed the size of the image, the libraries do more:
    mmdet draws each mask in these pixels, and mmseg takes the class of each pixel after resizing. So masks and label
    maps then differ at their edges; of logits, label maps are the same.

    Args:
        file: A file of ``cnxv2 export``.
        reads_rgb: Whether the config's pipeline gives images in the order RGB, not BGR.
        align_corners: How logits are resized: see :func:`torch.nn.functional.interpolate`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file was not written by ``cnxv2 export``, or is of a backbone, which predicts nothing.
    """

    def __init__(self, file: str, reads_rgb: bool = False, align_corners: bool = False) -> None:
        super().__init__()
        self.file = file
        self.reads_rgb = reads_rgb
        self.align_corners = align_corners
        self.exported = ExportedModel(file)
        fillers = {"detector": self._add_instances, "segmentor": self._add_label_map, "classifier": self._add_classes}
        task = self.exported.metadata["task"]
        if task not in fillers:
            raise ValueError(f"{file} is a {task}: only a {', a '.join(fillers)} can be tested")
        self._add = fillers[task]

    def __deepcopy__(self, memo: Any) -> "ExportedFile":
        """Return the model itself: hooks copy models to average their weights, and here are none."""
        return self

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = "tensor") -> Any:
        """Refuse: a file is tested by :meth:`test_step`."""
        raise NotImplementedError(f"{self.file} is an exported file, which can only be tested")

    def test_step(self, data: Mapping[str, Any]) -> list[Any]:
        """Predict a batch.

        Args:
            data: ``inputs``, images (C, height, width) as the pipeline gives them, and their ``data_samples``.

        Returns:
            The data samples, with predictions.

        Raises:
            ValueError: The file does not take an image of this size or type.
        """
        for image, sample in zip(data["inputs"], data["data_samples"], strict=True):
            if sample.metainfo.get("flip"):
                raise ValueError(f"the test pipeline mirrors images, and {self.file} does not mirror results back")
            found = self.exported(self._picture(image))
            self._add(sample, {name: torch.from_numpy(np.array(array)) for name, array in found.items()})
        return list(data["data_samples"])

    def _picture(self, image: Tensor) -> np.ndarray:
        """Return an image as the file takes it: (1, height, width, C), RGB."""
        if image.shape[0] == 3 and not self.reads_rgb:
            image = image.flip(0)
        picture = image.permute(1, 2, 0)[None].contiguous().numpy()
        expected = self.exported.metadata["input"]
        if str(picture.dtype) != expected["type"]:
            raise ValueError(
                f"{self.file} takes images of {expected['type']}, and the test pipeline gives {picture.dtype}: leave "
                "out what changes their type (to_float32, Normalize)"
            )
        if picture.shape[3] != expected["shape"][3]:
            raise ValueError(f"{self.file} takes images of {expected['shape'][3]} channels, not of {picture.shape[3]}")
        for (side, (least, most)), length in zip(expected["sides"].items(), picture.shape[1:3], strict=True):
            if length < least or (most is not None and length > most):
                allowed = least if least == most else f"{least} to {most or 'any number of'}"
                raise ValueError(
                    f"{self.file} takes images of a {side} of {allowed} pixels, and the test pipeline gives {length}: "
                    "export it with --dynamic, or with another --size"
                )
        return picture

    def _add_instances(self, sample: Any, found: Mapping[str, Tensor]) -> None:
        width_scale, height_scale = sample.metainfo.get("scale_factor", (1.0, 1.0))[:2]
        boxes = found["boxes"] / found["boxes"].new_tensor([width_scale, height_scale] * 2)
        instances = InstanceData(bboxes=boxes, scores=found["scores"], labels=found["labels"])
        if "masks" in found:
            height, width = sample.ori_shape[:2]
            # Without what the pipeline has filled up.
            masks = found["masks"][:, : round(height * height_scale), : round(width * width_scale)]
            if masks.shape[1:] != (height, width):
                # One by one: of large images all would not fit into memory.
                resized = [self._resize(mask[None].float(), (height, width))[0] >= 0.5 for mask in masks]
                masks = torch.stack(resized) if resized else masks.new_zeros(0, height, width)
            instances.masks = masks
        sample.pred_instances = instances

    def _add_label_map(self, sample: Any, found: Mapping[str, Tensor]) -> None:
        size = tuple(sample.ori_shape[:2])
        if "logits" in found:
            logits = self._resize(found["logits"][0], size, self.align_corners)
            if logits.shape[0] == 1:
                raise ValueError(
                    f"{self.file} gives confidences of one class without a threshold: export the label map"
                )
            sample.seg_logits = PixelData(data=logits)
            label_map = logits.argmax(dim=0, keepdim=True)
        else:
            label_map = found["label_map"]
            if label_map.shape[1:] != size:
                label_map = F.interpolate(label_map[None].double(), size, mode="nearest-exact")[0].long()
        sample.pred_sem_seg = PixelData(data=label_map)

    def _add_classes(self, sample: Any, found: Mapping[str, Tensor]) -> None:
        scores = found["scores"][0]
        metadata = self.exported.metadata
        if "threshold" in metadata:  # an image may have several classes
            labels = (scores >= metadata["threshold"]).nonzero()[:, 0]
        else:
            labels = scores.topk(metadata.get("most_classes", 1)).indices
        sample.set_pred_score(scores).set_pred_label(labels)

    def _resize(self, maps: Tensor, size: tuple[int, ...], align_corners: bool = False) -> Tensor:
        """Resize maps (C, height, width); they stay as they are if they have the size."""
        if maps.shape[1:] == size:
            return maps
        return F.interpolate(maps[None], size, mode="bilinear", align_corners=align_corners)[0]
