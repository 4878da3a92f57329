"""How a hook shows a picture: in every place that the visualizer writes to."""

from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from mmengine.runner import Runner
from mmengine.visualization.vis_backend import MLflowVisBackend


def show_picture(runner: Runner, name: str, picture: np.ndarray[Any, np.dtype[np.uint8]], step: int) -> None:
    """Hand a picture to every backend of the visualizer, as its ``add_image`` does, to MLflow by another name.

    MLflow takes the name for that of a file: without an ending it fails (mmengine issue 1681).

    Args:
        runner: The run. Of several processes the first one shows.
        name: What the picture is called. In the run's folder it is ``vis_image/<name>_<step>.png``.
        picture: (height, width, 3) RGB bytes.
        step: How many steps the training has made.
    """
    if is_main_process():
        for backend in runner.visualizer._vis_backends.values():
            as_file = isinstance(backend, MLflowVisBackend)
            backend.add_image(f"{name}_{step}.png" if as_file else name, picture, step)
