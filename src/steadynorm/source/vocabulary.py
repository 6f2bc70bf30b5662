"""What a symbolic run has to know of frameworks to go on behind a call of theirs: what calls what, and what gives what.

Names are canonical (`names.canonical`). What a call means for normalization is the readers' business.
"""

from __future__ import annotations

CALL_METHODS = (
    ("torch.nn.", "forward"),
    ("torch.jit.ScriptModule", "forward"),
    ("lightning.", "forward"),
    ("pytorch_lightning.", "forward"),
    ("torchvision.models.", "forward"),
    ("timm.models.", "forward"),
    ("transformers.", "forward"),
    ("keras.", "call"),
    ("tensorflow.Module", "__call__"),
    ("tensorflow.layers.", "call"),
)
"""Beginnings of the names of base classes, with the method that a call of an object runs."""

READY_METHODS = (("keras.", "build"), ("tensorflow.layers.", "build"), ("flax.linen.Module", "setup"))
"""The method that runs once before an object's first call."""

FIELD_BASES = ("flax.linen.Module", "equinox.Module", "flax.struct.PyTreeNode", "typing.NamedTuple")
FIELD_DECORATORS = ("dataclasses.dataclass", "flax.struct.dataclass", "chex.dataclass")
"""Bases and decorators under which the annotated names of a class are its parameters."""

WRAPPERS = frozenset(
    {
        "torch.compile",
        "torch.jit.script",
        "torch.nn.DataParallel",
        "torch.nn.parallel.DataParallel",
        "torch.nn.parallel.DistributedDataParallel",
        "torch.nn.parallel.distributed.DistributedDataParallel",
        "torch.nn.SyncBatchNorm.convert_sync_batchnorm",
        "torch.distributed.fsdp.FullyShardedDataParallel",
        "apex.parallel.convert_syncbn_model",
        "apex.parallel.DistributedDataParallel",
        "tensorflow.function",
        "tensorflow.make_template",
        "tensorflow.contrib.eager.defun",
        "slim.add_arg_scope",
        "jax.jit",
        "jax.pmap",
        "jax.vmap",
        "jax.checkpoint",
        "jax.remat",
        "jax.grad",
        "jax.value_and_grad",
        "jax.experimental.pjit.pjit",
        "flax.linen.jit",
        "flax.linen.remat",
        "flax.linen.compact",
        "flax.nnx.jit",
        "flax.nnx.grad",
        "flax.nnx.value_and_grad",
        "flax.nnx.pmap",
        "flax.nnx.vmap",
        "flax.nnx.remat",
        "flax.jax_utils.partial_eval_by_shape",
        "equinox.filter_jit",
        "equinox.filter_grad",
        "equinox.filter_value_and_grad",
        "equinox.filter_vmap",
        "equinox.filter_pmap",
        "equinox.filter_checkpoint",
    }
)
"""Calling what these give calls what they were given, functions and models alike."""

VALUE_AND_GRADIENT = ("jax.value_and_grad", "flax.nnx.value_and_grad", "equinox.filter_value_and_grad")
GRADIENT = ("jax.grad", "flax.nnx.grad", "equinox.filter_grad")
"""Of the wrappers those whose result is not the function's: a pair with the gradient, and the gradient."""

SEQUENCES = frozenset(
    {
        "torch.nn.Sequential",
        "keras.Sequential",
        "flax.linen.Sequential",
        "flax.nnx.Sequential",
        "equinox.nn.Sequential",
    }
)
"""Layers one after the other."""

LISTS = frozenset({"torch.nn.ModuleList", "flax.nnx.List"})
"""Layers in a list that the framework knows of."""

SAME = frozenset(
    {
        "to",
        "cuda",
        "cpu",
        "float",
        "half",
        "double",
        "bfloat16",
        "train",
        "eval",
        "requires_grad_",
        "share_memory",
        "to_empty",
        "contiguous",
    }
)
"""Methods that give the object itself, or its like."""

LATER = frozenset(
    {
        "atexit.register",
        "builtins.sorted",
        "builtins.max",
        "builtins.min",
        ".register_forward_hook",
        ".register_forward_pre_hook",
        ".register_buffer",
        ".add_argument",
        ".set_defaults",
    }
)
"""Calls that take a function and do not run it as a part of the program's way."""

MAINS = {"tensorflow.app.run": "main", "absl.app.run": "main"}
"""Calls that run a function of the main module by its name, where they are given none."""
