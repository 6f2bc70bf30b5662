"""Networks whose layers nobody sees here: built by a name that is not known, or handed over by a caller that is not."""

from __future__ import annotations

from steadynorm.source.symbolic.trace import Run
from steadynorm.source.symbolic.values import Attribute, Item, Parameter, Product, Value
from steadynorm.source.torch.models import Key, Models
from steadynorm.source.torch.naming import is_built_by_name, is_published_by_name

_ABOUT_NETWORKS = frozenset(
    {".train", ".eval", ".parameters", ".named_parameters", ".state_dict", ".load_state_dict", ".modules"}
)
"""Methods that tell a network from a loss or a metric, which are called and made by name likewise."""


def base_of(value: Value) -> Value:
    """What a value is a part or an item of."""
    while type(value) is Attribute or type(value) is Item:
        value = value.of
    return value


class Unseen:
    """The networks of a run whose layers nobody sees.

    Arguments:
        models: the models of the run.
        runs: the run, and the one before it.
    """

    def __init__(self, models: Models, *runs: Run) -> None:
        self._models = models
        self._networks: set[Key] = set()
        for call in (call for run in runs for call in run.calls()):
            if call.name in _ABOUT_NETWORKS:
                key = models.key(call.receiver)
                if key is not None:
                    self._networks.add(key)

    def network(self, callee: Value) -> Key | None:
        """The network that a call runs, by what is called; `None` if it is no such network."""
        base = base_of(callee)
        if type(base) is Product:
            if not is_built_by_name(base.call):
                return None
        elif type(base) is not Parameter:
            return None
        key = self._models.key(callee)
        if key is None:
            return None
        if isinstance(base, Parameter):
            return key if key in self._networks else None
        known = is_published_by_name(base.call) or self._networks & self._models.ancestors(key)
        return key if known else None

    def settles(self, key: Key) -> str:
        """What would settle whether the mode of a network matters."""
        value = self._models.value(key)
        if isinstance(value, Parameter):
            return f"whether what is handed over as '{value.name}' has batch normalization or dropout"
        made = "" if not isinstance(value, Product) else f", which {value.call.place} builds by its name,"
        return f"whether this model{made} has batch normalization or dropout"
