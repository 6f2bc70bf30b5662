"""SN305 in PyTorch: averages of parameters that a library keeps, and puts into the model for its evaluation."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.program import Sighting
from steadynorm.source.symbolic.flow import behind
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Product
from steadynorm.source.torch.averaging import reads_statistics
from steadynorm.source.torch.known import name_of
from steadynorm.source.torch.models import Key
from steadynorm.source.torch.program import TorchProgram
from steadynorm.source.torch.sightings import seen
from steadynorm.source.torch.words import PARAMETERS, short

_KEEPERS = {"torch_ema": "ExponentialMovingAverage", "diffusers": "EMAModel"}
"""By library what keeps an average of the parameters that it is given, and of nothing else."""

_PUTS = frozenset({".average_parameters", ".copy_to"})
_SETTLE = "the metric with the averaged weights before and after torch.optim.swa_utils.update_bn"


def look_at_kept_averages(program: TorchProgram) -> Iterator[Sighting]:
    """Averages of a library's that a model is evaluated with, while its statistics are those of the last weights."""
    calls = list(program.run.calls())
    if any(call.name.endswith("update_bn") for call in calls):
        return
    for made in calls:
        if short(made.name) != _KEEPERS.get(made.name.partition(".")[0]):
            continue
        put = any(call.name in _PUTS and call.receiver is made.result for call in calls)
        key = _averaged(program, made)
        if put and key is not None and program.models.bears(key) is True and reads_statistics(program, key):
            yield seen("SN305", made.place, name_of(program, key), "shadow", _SETTLE)


def _averaged(program: TorchProgram, made: Call) -> Key | None:
    """The model whose parameters are averaged."""
    for value in behind(*made.arguments[:1], *made.keywords.values()):
        if isinstance(value, Product) and value.call.name in PARAMETERS:
            return program.models.key(value.call.receiver)
    return None
