"""Images from files to a batch on the device.

- ``formats.py``: which files are images, by their endings and by their first bytes
- ``read.py``: one image file as a tensor
- ``channel_statistics.py``: mean and standard deviation over many images
- ``survey.py``: what is in a folder: every file opened, before a training starts
- ``load.py``: the transform that reads a sample's file
- ``crop.py``: the transform that cuts out a random part and brings it to one size
- ``on_device.py``: JPEGs that the device decodes
- ``preprocessor.py``: a batch on the device: repeated, flipped, normalised
"""

from cnxv2_mm.images.crop import RandomResizedCrop
from cnxv2_mm.images.formats import find_images
from cnxv2_mm.images.load import LoadImage
from cnxv2_mm.images.on_device import finish_on_device
from cnxv2_mm.images.preprocessor import ImagePreprocessor
from cnxv2_mm.images.read import read_image

__all__ = ["ImagePreprocessor", "LoadImage", "RandomResizedCrop", "find_images", "finish_on_device", "read_image"]
