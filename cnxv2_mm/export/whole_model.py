"""A whole model: a picture goes in, named tensors come out."""

from torch import Tensor, nn

from cnxv2_mm.export.half_precision import half_precision
from cnxv2_mm.export.models.base import ExportableModel
from cnxv2_mm.export.picture import Picture


class WholeModel(nn.Module):
    """Preprocessing, network and post-processing as one function of a picture.

    Args:
        picture: The preprocessing.
        model: The network with its post-processing.
        fp16: Whether convolutions and matrix products are computed in float16.
    """

    def __init__(self, picture: Picture, model: ExportableModel, *, fp16: bool = False) -> None:
        super().__init__()
        self.picture = picture
        self.model = model
        self.fp16 = fp16
        self.eval()

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs that ``model.outputs`` describes, of pictures (N, height, width, C), RGB bytes."""
        size = (image.shape[1], image.shape[2])
        images = self.picture(image)
        with half_precision(self.fp16):
            outputs = self.model(images, size)
        return tuple(output.float() if output.is_floating_point() else output for output in outputs)

    def reference(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the same of the model's own library."""
        return self.model.reference(self.picture.as_read(image))
