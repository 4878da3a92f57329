"""Child registries of mmengine under the scope ``cnxv2_mm``.

Every OpenMMLab library finds what is registered here by its full name, for example
``type='cnxv2_mm.ConvNeXtV2'``, once ``cnxv2_mm`` has been imported
(``custom_imports = dict(imports=['cnxv2_mm'])`` in a config).
"""

from mmengine import registry as root
from mmengine.registry import Registry

SCOPE = "cnxv2_mm"

# Backbones, decoders and whole models.
MODELS = Registry("model", parent=root.MODELS, scope=SCOPE, locations=["cnxv2_mm"])
# What fills the tensors of a model before training.
WEIGHT_INITIALIZERS = Registry(
    "weight initializer", parent=root.WEIGHT_INITIALIZERS, scope=SCOPE, locations=["cnxv2_mm"]
)
# Constructors that turn a model's parameters into optimiser groups.
OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    "optimizer wrapper constructor", parent=root.OPTIM_WRAPPER_CONSTRUCTORS, scope=SCOPE, locations=["cnxv2_mm"]
)
# How learning rates change during a training.
PARAM_SCHEDULERS = Registry("parameter scheduler", parent=root.PARAM_SCHEDULERS, scope=SCOPE, locations=["cnxv2_mm"])
# What steps an optimiser: precision, accumulation, clipping.
OPTIM_WRAPPERS = Registry("optimizer wrapper", parent=root.OPTIM_WRAPPERS, scope=SCOPE, locations=["cnxv2_mm"])
# Metrics that a validation loop can report.
METRICS = Registry("metric", parent=root.METRICS, scope=SCOPE, locations=["cnxv2_mm"])
# Functions that configs name, such as FSDP's wrapping policies.
FUNCTIONS = Registry("function", parent=root.FUNCTIONS, scope=SCOPE, locations=["cnxv2_mm"])
# How a model is spread over processes.
STRATEGIES = Registry("strategy", parent=root.STRATEGIES, scope=SCOPE, locations=["cnxv2_mm"])
# What is called at fixed points of a training.
HOOKS = Registry("hook", parent=root.HOOKS, scope=SCOPE, locations=["cnxv2_mm"])
# In which order a training takes its images.
DATA_SAMPLERS = Registry("data sampler", parent=root.DATA_SAMPLERS, scope=SCOPE, locations=["cnxv2_mm"])
# What loads and changes a sample of a data set.
TRANSFORMS = Registry("transform", parent=root.TRANSFORMS, scope=SCOPE, locations=["cnxv2_mm"])
