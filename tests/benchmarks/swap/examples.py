"""Made-up outcomes, and a config that all goes well with."""

from benchmarks.swap.outcome import Outcome

RETINANET = "mmdet::retinanet/retinanet_r18_fpn_1x_coco.py"


def outcome(config: str, state: str, training: str = "not asked", **more: str) -> Outcome:
    return Outcome(config, state, model="M", training=training, **more)


OUTCOMES = [
    outcome("mmdet::a/1.py", "swapped", "trained", prediction="failed", prediction_reason="no view"),
    outcome("mmdet::a/2.py", "swapped"),
    outcome("mmdet::a/3.py", "refused", kind="strides", reason="The strides do not fit."),
    outcome("mmdet::b/1.py", "unbuilt", reason="no lvis"),
    outcome("mmdet::b/2.py", "swapped", "unable", training_reason="no data", prediction="predicted"),
    outcome("mmseg::c/1.py", "broken", reason="bad head"),
    outcome("mmseg::c/2.py", "unreadable", reason="no base"),
]
