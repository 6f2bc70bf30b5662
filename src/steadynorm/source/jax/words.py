"""What the calls of JAX programs are: the words that the readers of Flax and Equinox share."""

from __future__ import annotations

from steadynorm.source.symbolic.trace import With
from steadynorm.source.symbolic.values import External, Partial, Product, Value, Wrapped
from steadynorm.source.symbolic.vocabulary import GRADIENT, VALUE_AND_GRADIENT

LINEN, NNX, EQUINOX = "linen", "nnx", "equinox"

_BASES = (("flax.linen.", LINEN), ("flax.nnx.", NNX), ("equinox.", EQUINOX))
TRAINING_NAMES = ("train", "training", "is_training", "is_train", "train_mode", "training_mode", "update_stats")
INFERENCE_NAMES = (
    "use_running_average",
    "deterministic",
    "eval",
    "inference",
    "is_eval",
    "evaluate",
    "test",
    "eval_mode",
    "use_running_avg",
)
"""What parameters that hold the mode are called, those that are true in training and those that are in inference."""

PARAMETERS, STATISTICS = "params", "batch_stats"
"""Flax's collections."""

RESTORES = (
    "flax.training.checkpoints.restore_checkpoint",
    "flax.serialization.from_bytes",
    "flax.serialization.msgpack_restore",
    "flax.serialization.from_state_dict",
    "equinox.tree_deserialise_leaves",
    "pickle.load",
    "pickle.loads",
    "orbax.checkpoint.load_pytree",
)
SAVES = {
    "flax.training.checkpoints.save_checkpoint": 1,
    "flax.training.checkpoints.save_checkpoint_multiprocess": 1,
    "flax.serialization.to_bytes": 0,
    "flax.serialization.msgpack_serialize": 0,
    "pickle.dump": 0,
    "pickle.dumps": 0,
    "equinox.tree_serialise_leaves": 1,
}
"""Calls that save, with the position of what they save."""

AVERAGES = ("optax.incremental_update", "optax.periodic_update")
MAPS = ("jax.tree.map", "jax.tree_map", "jax.tree_util.tree_map", "jax.tree_util.tree_multimap")
PMAPS = ("jax.pmap", "equinox.filter_pmap", "flax.nnx.pmap")


def library_of(base: str) -> str | None:
    """The library that a base class or a layer belongs to."""
    return next((library for start, library in _BASES if base.startswith(start)), None)


def trains_if(name: str, value: bool) -> bool | None:
    """Whether a parameter of a name and a value means the training mode; `None` if it is no mode."""
    if name in TRAINING_NAMES:
        return value
    return not value if name in INFERENCE_NAMES else None


def context_name(block: With) -> str:
    """The name of what a with statement or a decorator was given."""
    context: Value = block.context
    while isinstance(context, Partial | Wrapped):
        context = context.function
    if isinstance(context, External):
        return context.name
    if isinstance(context, Product):
        call = context.call
        inner = call.argument(0)
        return inner.name if call.name == "functools.partial" and isinstance(inner, External) else call.name
    return ""


def is_gradient(block: object) -> bool:
    """Whether what runs in a block is differentiated."""
    return isinstance(block, With) and context_name(block) in (*GRADIENT, *VALUE_AND_GRADIENT)


def is_restore(name: str, receiver: Value | None) -> bool:
    """Whether a call reads a checkpoint."""
    if name in RESTORES:
        return True
    made = receiver.call.name if isinstance(receiver, Product) else ""
    return name == ".restore" and ("heckpoint" in made or made.startswith("orbax."))
