"""Objects that a loop makes anew in each iteration, as a model for each fold or seed: a new one has its own mode."""

from __future__ import annotations

from steadynorm.source.symbolic.trace import Call, Loop
from steadynorm.source.symbolic.values import Instance, Product
from steadynorm.source.torch.models import Models
from steadynorm.source.torch.words import DISTRIBUTED, PARALLEL


def is_made_anew(call: Call, models: Models) -> bool:
    """Whether a call, to which a loop comes once more, makes another object than before; what only wraps a model that
    stays the same is none."""
    result = call.result
    if type(result) is Instance:
        return result.created is call
    if type(result) is not Product or result.call is not call:
        return False
    if call.name not in PARALLEL and call.name not in DISTRIBUTED:
        return True
    key = models.key(call.argument(0, "module"))
    made = None if key is None else models.made_by(key)
    loops = {id(block) for block in call.within if isinstance(block, Loop)}
    return made is not None and loops <= set(map(id, made.within))
