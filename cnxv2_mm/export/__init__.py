"""Out of PyTorch with the same numbers: models as ONNX, OpenVINO and torch.export files.

- ``picture.py``: the preprocessing, inside of the exported model.
- ``average_pooling.py``: pooling to a number of bins, as products that can be recorded.
- ``models/``: what is written a second time of OpenMMLab's models, so that it can be recorded; one file a family.
- ``detections.py``: the best candidates, and suppression by class.
- ``mask_pasting.py``: from a small mask inside of a box to the pixels of a picture.
- ``half_precision.py``: float16, with norms and GRN's sums in float32.
- ``whole_model.py``: a picture in, named tensors out.
- ``packages.py``: the packages of ``cnxv2_mm[export]``.
- ``quiet.py``: what exporters print.
- ``program.py``: recording with ``torch.export``.
- ``onnx_graph.py``: an ONNX graph as TensorRT takes it.
- ``onnx_file.py``, ``openvino_file.py``, ``program_file.py``: a file of each target, and running it.
- ``exported_model.py``: such a file as a function of pictures, whatever runs it.
- ``differences.py``: how far its outputs are from the model's, and how far they may be.
- ``comparison.py``: both on an image; and how far the model's own outputs move when they are rounded in another way.
- ``subject.py``: the model that a user names.
- ``metadata.py``: what a file says of itself.
- ``photographs.py``: real images for the comparison.
- ``export.py``: all of it, for ``cnxv2 export``.
- ``in_runner.py``: a file in the place of a config's model, for ``cnxv2 test CONFIG FILE``.
"""
