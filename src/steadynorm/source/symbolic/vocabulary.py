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

READY_METHODS = (
    ("keras.", "build"),
    ("tensorflow.layers.", "build"),
    ("flax.linen.Module", "setup"),
    ("ts.torch_handler.", "initialize"),
)
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
        "equinox.filter_custom_vjp",
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

CALLED_ALONE = frozenset({"keras.Sequential", "flax.nnx.Sequential", "flax.linen.Sequential", "torch.nn.Sequential"})
"""Those that programs hand over whole (to `fit`, say) and never call themselves."""

GROWS = {"add": 0, "append": 0, "extend": 0, "add_module": 1, "register_module": 1}
"""Methods that put a layer into a container, with the position of the layer among what they are given."""

LISTS = frozenset({"torch.nn.ModuleList", "flax.nnx.List"})
"""Layers in a list that the framework knows of."""

TABLES = frozenset({"torch.nn.ModuleDict"})
"""Layers by their names in a table that the framework knows of."""

MAKERS = frozenset({"load_from_checkpoint", "from_pretrained", "from_config", "_from_config"})
"""Methods of a framework's base class that make an object of the class."""

COPIES = frozenset({"copy.deepcopy"})
"""Calls that give another object like the one they are given, with parts of its own."""

SPREADS = {
    "train": ("train", None),
    "eval": ("train", False),
}
"""Methods of a model that call a method of it and of its parts, their own where their classes have one; with what that
is given where the first is given nothing."""

SPREAD_BASES = ("torch.nn.", "torch.jit.", "lightning.", "torchvision.models.", "timm.models.", "transformers.")
"""Beginnings of the names of base classes whose methods these are."""

HANDS_BACK = frozenset(
    {
        "accelerate.Accelerator.prepare",
        "accelerate.Accelerator.unwrap_model",
        "apex.amp.initialize",
        "lightning.Fabric.setup",
        "lightning.Fabric.setup_dataloaders",
        "lightning.fabric.Fabric.setup",
        "lightning.fabric.Fabric.setup_dataloaders",
        "lightning_fabric.Fabric.setup",
        "lightning_fabric.Fabric.setup_dataloaders",
        "ignite.distributed.auto_model",
        "ignite.distributed.auto_optim",
        "ignite.distributed.auto_dataloader",
        "steadynorm.torch.convert",
        "steadynorm.torch.revert",
    }
)
"""Calls that give what they are given, one or several, made ready for something."""

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

DERIVED = {
    "equinox.apply_updates": 0,
    "equinox.combine": 0,
    "equinox.filter_shard": 0,
    "equinox.nn.inference_mode": 0,
    "equinox.tree_at": 1,
    "equinox.tree_deserialise_leaves": 1,
    "equinox.tree_inference": 0,
    "flax.jax_utils.replicate": 0,
    "flax.jax_utils.unreplicate": 0,
    "flax.nnx.clone": 0,
    "flax.nnx.merge": 0,
    "flax.training.common_utils.replicate": 0,
    "jax.device_put": 0,
}
"""Calls that give another state of one of their arguments, by its position: calling that calls the argument."""

TAKEN_APART = frozenset({"equinox.partition", "flax.nnx.split"})
"""Calls that give parts of their first argument, each of which stands for it."""

RECORD_BASES = (
    "flax.training.train_state.TrainState",
    "flax.struct.PyTreeNode",
    "clu.metrics.Collection",
)
"""Bases with a class method `create` whose keywords are the fields of a record."""

RECORD_CHANGES = {
    ".apply_gradients": ("params", "opt_state", "step"),
    ".replace": (),
    "._replace": (),
    "dataclasses.replace": (),
}
"""Calls that give a record with other values for the fields that their keywords name, and for these."""

APPLIED = {"apply": 1, "init": 1, "init_with_output": 1, "lazy_init": 1, "tabulate": 1, "bind": 1}
"""Methods of `APPLIED_BASES` that run the object on what follows after so many arguments."""

APPLIED_BASES = ("flax.linen.",)
NOT_HANDED_ON = frozenset({"mutable", "rngs", "method", "capture_intermediates"})
"""Their own keywords."""

WITH_STATE = frozenset({"equinox.nn.make_with_state"})
"""What these give makes an object of a class together with its state."""

OPERANDS = {
    "jax.lax.cond": ((1, 2), 3),
    "flax.linen.cond": ((1, 2), 3),
    "flax.nnx.cond": ((1, 2), 3),
    "jax.tree.map": ((0,), 1),
    "jax.tree_map": ((0,), 1),
    "jax.tree_util.tree_map": ((0,), 1),
}
"""Calls that hand what stands from a position on to the functions at other positions."""

EXPORTS = frozenset({"tensorflow.saved_model.save", "tensorflow.saved_model.experimental.save"})
"""Calls that run functions which stand in a table among their arguments."""

RUN_BY = (".get_concrete_function", ".lower", ".eval_shape")
"""Methods of a wrapped function that run it."""

LATER = frozenset(
    {
        ".register_forward_hook",
        ".register_forward_pre_hook",
        ".register_buffer",
        ".add_argument",
        ".set_defaults",
    }
)
"""Calls that take a function and do not run it as a part of the program's way."""

ABOUT_CODE = (
    "abc.",
    "atexit.",
    "builtins.",
    "collections.",
    "contextlib.",
    "copy.",
    "functools.",
    "inspect.",
    "logging.",
    "operator.",
    "pickle.",
    "signal.",
    "types.",
    "typing.",
    "warnings.",
    "weakref.",
)
"""Modules whose functions look at a function, wrap or keep it; those of them that run it are `RUNNING`."""

RUNNING = frozenset({"builtins.map", "builtins.filter", "functools.reduce"})

MAINS = {"tensorflow.app.run": "main", "absl.app.run": "main"}
"""Calls that run a function of the main module by its name, where they are given none."""
