"""Decoders of FCMAE: from the encoder's visible cells to the pixels of all of them.

Table 1a of ConvNeXt V2 (arXiv 2301.00808) compares them; the ConvNeXt block is as good as any and the fastest.

=======================  ============================================================================================
``type`` of ``decoder``  what fills in the hidden cells
=======================  ============================================================================================
``FCMAEDecoder``         ConvNeXt blocks at stride 32, the default
``TransformerDecoder``   Transformer blocks with positions, as in MAE
``UNetDecoder``          ConvNeXt blocks at strides 32, 16, 8 and 4, with or without the encoder's maps of each stage
=======================  ============================================================================================
"""

from cnxv2_mm.decoders.base import Decoder
from cnxv2_mm.decoders.convnext import FCMAEDecoder
from cnxv2_mm.decoders.transformer import TransformerDecoder
from cnxv2_mm.decoders.unet import UNetDecoder

__all__ = ["Decoder", "FCMAEDecoder", "TransformerDecoder", "UNetDecoder"]
