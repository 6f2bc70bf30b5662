"""What PyTorch's layers, models and tools are called, and what they are about."""

from __future__ import annotations

import re
from functools import cache

from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import External, Value, constant, constant_text

NORMS = {
    "torch.nn.BatchNorm1d": 1,
    "torch.nn.BatchNorm2d": 2,
    "torch.nn.BatchNorm3d": 3,
    "torch.nn.LazyBatchNorm1d": 1,
    "torch.nn.LazyBatchNorm2d": 2,
    "torch.nn.LazyBatchNorm3d": 3,
    "torch.nn.SyncBatchNorm": 0,
    "apex.parallel.SyncBatchNorm": 0,
    "sync_batchnorm.SynchronizedBatchNorm2d": 2,
}
"""Layers that normalize by the batch, with the number of spatial dimensions of their input; 0 for any."""

FUNCTIONAL = ("torch.nn.functional.batch_norm", "torch.batch_norm")

CONVOLUTIONS = tuple(
    f"torch.nn.{lazy}Conv{transposed}{d}d"
    for lazy in ("", "Lazy")
    for transposed in ("", "Transpose")
    for d in (1, 2, 3)
)
LINEAR = ("torch.nn.Linear", "torch.nn.LazyLinear")
WEIGHTED = frozenset((*CONVOLUTIONS, *LINEAR))
"""Layers whose bias a normalization behind them cancels."""

SIGMOIDS = {
    "torch.sigmoid": "sigmoid",
    "torch.special.expit": "sigmoid",
    "torch.nn.functional.sigmoid": "sigmoid",
    "torch.nn.Sigmoid": "sigmoid",
    ".sigmoid": "sigmoid",
    ".sigmoid_": "sigmoid",
    "torch.tanh": "tanh",
    "torch.nn.functional.tanh": "tanh",
    "torch.nn.Tanh": "tanh",
    ".tanh": "tanh",
    ".tanh_": "tanh",
}
"""Activations that saturate on both sides, as functions, methods and layers."""

DROPOUTS = frozenset(
    {
        "torch.nn.Dropout",
        "torch.nn.Dropout1d",
        "torch.nn.Dropout2d",
        "torch.nn.Dropout3d",
        "torch.nn.AlphaDropout",
        "torch.nn.functional.dropout",
        "torch.nn.functional.dropout1d",
        "torch.nn.functional.dropout2d",
        "torch.nn.functional.dropout3d",
        "torch.nn.functional.alpha_dropout",
        "torch.dropout",
    }
)

RESHAPES = frozenset(
    {
        "torch.flatten",
        "torch.nn.Flatten",
        "torch.nn.Unflatten",
        "torch.nn.Identity",
        "torch.reshape",
        "torch.squeeze",
        "torch.unsqueeze",
        ".view",
        ".view_as",
        ".reshape",
        ".reshape_as",
        ".flatten",
        ".unflatten",
        ".squeeze",
        ".unsqueeze",
        ".contiguous",
        ".to",
        ".cuda",
        ".cpu",
        ".float",
        ".double",
        ".half",
        ".type",
        ".type_as",
        ".clone",
    }
)
"""What only passes its input on, in another shape or place."""

MOVES = frozenset(
    {".permute", ".transpose", "torch.permute", "torch.transpose", ".swapaxes", "einops.rearrange", ".mT"}
)

RECURRENT = ("torch.nn.LSTM", "torch.nn.GRU", "torch.nn.RNN")

_ELEMENTWISE = (
    "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "hardswish", "softplus", "prelu",
    "rrelu", "hardtanh", "relu_", "elu_", "leaky_relu_", "clamp", "clamp_", "abs", "exp", "log", "sqrt", "square",
    "pow", "neg", "softsign", "logsigmoid",
)  # fmt: skip
_LAYERS = (
    "ReLU", "ReLU6", "LeakyReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish", "Hardswish", "Softplus", "PReLU",
    "RReLU", "Hardtanh", "Softsign",
)  # fmt: skip
ACTIVATIONS = frozenset(
    [f"torch.{name}" for name in _ELEMENTWISE]
    + [f"torch.nn.functional.{name}" for name in _ELEMENTWISE]
    + [f".{name}" for name in _ELEMENTWISE]
    + [f"torch.nn.{name}" for name in _LAYERS]
)
"""What works on each value by itself."""

_POOLS = ("max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool", "lp_pool")
_POOL_LAYERS = ("MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool", "LPPool")
POOLS = frozenset(
    [f"torch.nn.functional.{name}{d}d" for name in _POOLS for d in (1, 2, 3)]
    + [f"torch.{name}{d}d" for name in _POOLS for d in (1, 2, 3)]
    + [f"torch.nn.{name}{d}d" for name in _POOL_LAYERS for d in (1, 2, 3)]
)

REDUCTIONS = frozenset(
    f"{prefix}{name}" for prefix in (".", "torch.") for name in ("mean", "sum", "max", "min", "amax", "amin", "median")
)

_MADE_UP = (
    "randn", "rand", "randint", "randn_like", "rand_like", "zeros", "ones", "zeros_like", "ones_like", "empty",
    "full", "arange", "linspace", "normal", "FloatTensor", "LongTensor", "randperm", "full_like", "empty_like",
    "eye",
)  # fmt: skip
RANDOM = frozenset(f"torch.{name}" for name in _MADE_UP)
"""Tensors that are made up, so that what a model makes of them is no evaluation."""

NO_GRADIENT = frozenset({"torch.no_grad", "torch.inference_mode", "torch.autograd.inference_mode"})

PARAMETERS = frozenset({".parameters", ".named_parameters"})
BUFFERS = frozenset({".state_dict", ".buffers", ".named_buffers"})
"""Methods of a model that give its parameters alone, and those that give its statistics as well."""

LOADERS = frozenset(
    {
        "torch.utils.data.DataLoader",
        "torch.utils.data.dataloader.DataLoader",
        "torch_geometric.loader.DataLoader",
        "torch_geometric.data.DataLoader",
        "monai.data.DataLoader",
    }
)

OPTIMIZERS = (
    "torch.optim.",
    "torch_optimizer.",
    "timm.optim.",
    "apex.optimizers.",
    "transformers.AdamW",
    "bitsandbytes.optim.",
)

PARALLEL = frozenset({"torch.nn.DataParallel", "torch.nn.parallel.DataParallel"})
DISTRIBUTED = frozenset(
    {
        "torch.nn.parallel.DistributedDataParallel",
        "torch.nn.parallel.distributed.DistributedDataParallel",
        "apex.parallel.DistributedDataParallel",
    }
)

CLASSIFYING_LOSSES = (
    "cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "multi_margin_loss",
    "CrossEntropyLoss", "NLLLoss", "BCELoss", "BCEWithLogitsLoss", "MultiMarginLoss", "MultiLabelSoftMarginLoss",
)  # fmt: skip
REGRESSING_LOSSES = (
    "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss",
    "poisson_nll_loss", "GaussianNLLLoss",
)  # fmt: skip

_WITH = re.compile(
    r"^(?:tv_|tf_|ssl_|swsl_|ig_|legacy_)*"
    r"(?:resnet|resnext|wide_resnet|se_?resne|ecaresnet|skresne|resnest|res2ne|gluon_|densenet|mobilenet|mnasnet"
    r"|efficientnet|mixnet|shufflenet|googlenet|inception|regnet|xception|hrnet|dla|dpn|darknet|cspres|cspdark|vovnet"
    r"|ese_vovnet|repvgg|fbnet|hardcorenas|lcnet|tinynet|ghostnet|rexnet|spnasnet|semnasnet|fcn_|deeplabv3|lraspp"
    r"|vgg\d+_bn|maxvit|nasnet|pnasnet|selecsls|senet|seresne)"
)
_WITHOUT = re.compile(r"^(?:alexnet|squeezenet|vit_|swin|convnext|vgg\d+$|deit|beit|mixer|gmlp|eva|nf_|nfnet|dm_nf)")

_ZOOS = ("torchvision.models.", "timm.models.", "pretrainedmodels.", "torchvision.models.quantization.")
HUB = "torch.hub.load"
ENGINES = ("ignite.engine.Engine", "ignite.engine.engine.Engine")
_BY_NAME = frozenset({"timm.create_model", "torchvision.models.get_model", HUB, "timm.models.create_model"})
_SMP = "segmentation_models_pytorch."
_EFFICIENT = "efficientnet_pytorch.EfficientNet."

OTHER_NORMS = ("FrozenBatchNorm", "GroupNorm", "LayerNorm", "InstanceNorm", "Identity")


def zoo_name(call: Call) -> str | None:
    """The name of a published model that a call makes, as `resnet18`; `None` if it makes none."""
    if call.name in _BY_NAME:
        position = 1 if call.name == HUB else 0
        return constant_text(call.argument(position, "model_name", "name", "model"))
    return _published(call.name)


@cache
def _published(name: str) -> str | None:
    """The published model that is made by calling a name; asked of all calls, which have few names."""
    last = name.rpartition(".")[2]
    if name.startswith(_ZOOS):
        return last if last[:1].islower() else None
    if name.startswith(_SMP):
        return "fcn_" if last in _SMP_MODELS else None
    return "efficientnet" if name.startswith(_EFFICIENT) else None


def is_by_name(call: Call) -> bool:
    """Whether a call makes a published model by a name from which nobody knows what is in it."""
    return call.name in _BY_NAME and normalizes(call) is None and call.argument(None, "norm_layer") is None


def is_of_torchvision(call: Call) -> bool:
    """Whether a call of the hub makes a model of torchvision's, which is in training mode, as not all others are."""
    return (constant_text(call.argument(0, "repo_or_dir")) or "").startswith("pytorch/vision")


def is_zoo(name: str) -> bool:
    """Whether a module has published models in it, by its dotted name."""
    return f"{name}.".startswith(_ZOOS)


_SMP_MODELS = (
    "Unet", "UnetPlusPlus", "FPN", "Linknet", "PSPNet", "DeepLabV3", "DeepLabV3Plus", "MAnet", "PAN", "create_model",
)  # fmt: skip


def normalizes(call: Call) -> bool | None:
    """Whether a published model that a call makes has batch normalization; `None` where that is not known."""
    name = zoo_name(call)
    if name is None:
        return None
    given = call.argument(None, "norm_layer")
    if given is not None:
        return None if not isinstance(given, External) else not any(each in given.name for each in OTHER_NORMS)
    if "detection" in call.name:
        return None
    if _WITHOUT.match(name):
        return False
    return True if _WITH.match(name.replace("-", "_").lower()) else None


def is_pretrained(call: Call) -> bool | None:
    """Whether a published model comes with weights; `None` where that is not known."""
    if "from_pretrained" in call.name:
        return True
    checkpoint = call.argument(None, "checkpoint_path")
    if checkpoint is not None and not _is_none(checkpoint) and constant(checkpoint) != "":
        return True
    given = call.argument(None, "pretrained", "weights", "encoder_weights", "weights_backbone")
    if given is None:
        return call.name.startswith(_SMP)
    value: Value = given
    if isinstance(value, External):
        return True
    return bool(constant(value)) if constant(value) is not None or _is_none(value) else None


def _is_none(value: Value) -> bool:
    return getattr(value, "value", "") is None


def short(name: str) -> str:
    """The last part of a dotted name."""
    return name.rpartition(".")[2]
