"""SN506, SN903 and SN905 in PyTorch: weight decay on normalization, output ranges and initial weights."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.program import Sighting
from steadynorm.source.symbolic.flow import inside
from steadynorm.source.symbolic.trace import Branch, Call, Callback, Loop
from steadynorm.source.symbolic.values import (
    Attribute,
    Choice,
    Comprehension,
    Expression,
    External,
    Item,
    Items,
    Parameter,
    Product,
    Table,
    Value,
    constant,
    constant_number,
)
from steadynorm.source.torch.chains import before, input_of, is_none, operation
from steadynorm.source.torch.freezing import freezes_norms
from steadynorm.source.torch.known import name_of
from steadynorm.source.torch.loaders import dataset_of
from steadynorm.source.torch.models import Key
from steadynorm.source.torch.program import Role, TorchProgram
from steadynorm.source.torch.selection import asks_for_norms, whole_of
from steadynorm.source.torch.sightings import seen
from steadynorm.source.torch.words import LOADERS, PARAMETERS, SIGMOIDS, short

_DECAYED_BY_DEFAULT = ("torch.optim.AdamW", "transformers.AdamW")
_DISTANCES = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss")
_ENTROPIES = ("binary_cross_entropy", "BCELoss")
_LOGITS = ("binary_cross_entropy_with_logits", "BCEWithLogitsLoss")
_CLASSES = ("cross_entropy", "CrossEntropyLoss")
_SOFTMAX = ("torch.softmax", "torch.nn.functional.softmax", "torch.nn.Softmax", "torch.nn.Softmax2d", ".softmax")
_RANGES = {
    "sigmoid-twice": ("0 to 1 after a second sigmoid", "[0, 1], and in [0.5, 0.73] after that", "no sigmoid"),
    "tanh-probability": ("[0, 1], as probabilities are,", "[-1, 1]", "torch.sigmoid"),
    "sigmoid-centred": ("[-1, 1]", "[0, 1]", "torch.tanh"),
    "tanh-unit": ("[0, 1]", "[-1, 1]", "torch.sigmoid"),
}
_NORMAL = ("torch.nn.init.normal_", "torch.nn.init.normal", "torch.nn.init.trunc_normal_")


def look_at_sanity(program: TorchProgram) -> Iterator[Sighting]:
    """Losses, optimizers and initializers of a run."""
    for optimizer in program.optimizers:
        if optimizer.call is not None:
            yield from _decayed(program, optimizer.call)
    if any(group.role is Role.TRAIN for group in program.groups):
        for call in program.run.calls():
            yield from _range(call)
            yield from _initial(program, call)


# Weight decay


def _decayed(program: TorchProgram, call: Call) -> Iterator[Sighting]:
    """Weight decay on all parameters of a model, those of its normalization layers among them."""
    given = call.argument(0, "params")
    decay = _decay(call)
    if given is None or call.more or decay is None:
        return
    for key, own in _decayed_models(program, given):
        amount = decay if own is None else own
        if amount and program.models.bears(key) is True and not freezes_norms(program, key, call):
            yield seen("SN506", call.place, short(call.name), "optimizer", weight_decay=amount)
            return


def _decay(call: Call) -> float | None:
    """The weight decay of an optimizer; `None` where it is not known."""
    given = call.argument(None, "weight_decay")
    if given is not None:
        return constant_number(given)
    return 0.01 if call.name in _DECAYED_BY_DEFAULT else 0.0


def _decayed_models(program: TorchProgram, given: Value) -> Iterator[tuple[Key, float | None]]:
    """The models all of whose parameters are in a list, with the decay of their group if it has its own."""
    if isinstance(given, Items):
        for each in given.items:
            if isinstance(each, Table):
                inner = each.entries.get("params")
                own = constant_number(each.entries.get("weight_decay"))
                if inner is not None and ("weight_decay" not in each.entries or own is not None):
                    yield from ((key, own) for key, _ in _decayed_models(program, inner))
            elif not isinstance(each, Item):
                yield from _decayed_models(program, each)
    elif isinstance(given, Choice):
        for each in given.options:
            yield from _decayed_models(program, each)
    elif isinstance(given, Comprehension):
        source = given.sources[0] if given.sources else None
        if source is not None and isinstance(given.element, Item) and all(map(_is_about_gradients, given.tests)):
            yield from _decayed_models(program, source)
    elif isinstance(given, Product):
        call = given.call
        if call.name in PARAMETERS:
            key = program.models.key(call.receiver)
            if key is not None:
                yield key, None
        elif call.name == "builtins.filter" and not _is_about_gradients(call.callbacks.get(0, given)):
            return
        elif call.name in ("builtins.list", "builtins.filter", "itertools.chain") and not call.more:
            for each in call.arguments:
                yield from _decayed_models(program, each)


def _is_about_gradients(test: Value) -> bool:
    return isinstance(test, Attribute) and test.name == "requires_grad"


# Output ranges


def _range(call: Call) -> Iterator[Sighting]:
    """A loss that compares what an activation cannot reach."""
    name = short(operation(call))
    if name not in (*_DISTANCES, *_ENTROPIES, *_LOGITS, *_CLASSES) or _makes(call):
        return
    prediction, target = call.argument(0, "input"), call.argument(1, "target")
    activation = _activation(prediction)
    if activation is None or target is None:
        return
    if name in _CLASSES:
        if activation in ("softmax", "sigmoid"):
            yield seen("SN903", call.place, name, "twice", activation=activation, own="softmax")
        return
    how = None
    if name in _LOGITS and activation == "sigmoid":
        how = "sigmoid-twice"
    elif name in _ENTROPIES and activation == "tanh":
        how = "tanh-probability"
    elif name in _DISTANCES:
        how = {("sigmoid", "centred"): "sigmoid-centred", ("tanh", "unit"): "tanh-unit"}.get(
            (activation, _images(target) or "")
        )
    if how is not None:
        targets, outputs, right = _RANGES[how]
        yield seen("SN903", call.place, name, how, targets=targets, outputs=outputs, right=right, activation=activation)


def _makes(call: Call) -> bool:
    return isinstance(call.callee, External) and short(call.name)[:1].isupper()


def _activation(value: Value | None) -> str | None:
    for step in before(value):
        if step.kind in ("sigmoid", "tanh"):
            return SIGMOIDS[operation(step.call)]
        if operation(step.call) in _SOFTMAX:
            return "softmax"
        if step.kind != "reshape":
            return None
    return None


def _images(target: Value) -> str | None:
    """The range of images from a data set whose transform is known: `unit` for 0 to 1, `centred` for -1 to 1."""
    inner = target
    while isinstance(inner, Product) and inner.call.name in (".to", ".cuda", ".float", ".view", ".flatten", ".reshape"):
        given = input_of(inner.call)
        if given is None:
            return None
        inner = given
    positions: list[object] = []
    while isinstance(inner, Item):
        positions.append(constant(inner.key))
        inner = inner.of
    if not isinstance(inner, Product) or inner.call.name not in LOADERS or 0 not in positions:
        return None
    dataset = dataset_of(inner.call)
    if not isinstance(dataset, Product) or not dataset.call.name.startswith("torchvision.datasets."):
        return None
    transform = dataset.call.argument(None, "transform")
    return None if transform is None else _range_of(transform)


def _range_of(transform: Value) -> str | None:
    if not isinstance(transform, Product):
        return None
    call = transform.call
    name = short(call.name)
    if name == "ToTensor":
        return "unit"
    if name == "Compose" and call.arguments and isinstance(call.arguments[0], Items) and call.arguments[0].whole:
        last = call.arguments[0].items[-1] if call.arguments[0].items else None
        if isinstance(last, Product) and short(last.call.name) == "Normalize":
            mean = _numbers(last.call.argument(0, "mean"))
            deviation = _numbers(last.call.argument(1, "std"))
            if mean and deviation:
                return "centred" if set(mean) == set(deviation) == {0.5} else "shifted"
            return None
        return _range_of(last) if last is not None else None
    return None


def _numbers(value: Value | None) -> list[float]:
    items = value.items if isinstance(value, Items) else ()
    found = [constant_number(each) for each in items]
    return [each for each in found if each is not None]


# Initial weights


def _initial(program: TorchProgram, call: Call) -> Iterator[Sighting]:
    """Plain normal initialization of all weights of a model."""
    if call.name in _NORMAL:
        target = call.argument(0, "tensor")
        deviation = call.argument(2, "std")
    elif call.name == ".normal_":
        target, deviation = call.receiver, call.argument(1, "std")
    else:
        return
    amount = 1.0 if is_none(deviation) else constant_number(deviation)
    if target is None or amount is None or not _is_weight_of_many(target, call):
        return
    yield seen("SN905", call.place, _model(program, target, call), "normal", deviation=amount)


def _is_weight_of_many(target: Value, call: Call) -> bool:
    """Whether it is the weight of a convolution or linear layer, in a loop over a model's parts."""
    inner = target.of if isinstance(target, Attribute) and target.name == "data" else target
    if isinstance(inner, Attribute) and inner.name == "weight":
        module = inner.of
        if not isinstance(module, Parameter | Item):
            return False
        walks = any(isinstance(block, Callback | Loop) for block in call.within)
        tests = [block for block in call.within if isinstance(block, Branch)]
        return walks and any(block.arm and _asks_for_weights(block.test) for block in tests)
    if isinstance(inner, Item):
        asked = [block.test for block in call.within if isinstance(block, Branch) and block.arm]
        return any(map(_asks_for_matrices, asked))
    return False


def _asks_for_weights(test: Value) -> bool:
    """Whether a condition asks for convolutions or linear layers."""
    if asks_for_norms(test):
        return False
    for value in inside(test):
        if isinstance(value, Product) and value.call.name == "builtins.isinstance" and len(value.call.arguments) == 2:
            kinds = value.call.arguments[1]
            names = [
                each.name
                for each in (kinds.items if isinstance(kinds, Items) else (kinds,))
                if isinstance(each, External)
            ]
            return bool(names) and all("Conv" in each or "Linear" in each for each in names)
    words = [constant(value) for value in _words(test)]
    return any(isinstance(word, str) and ("conv" in word.lower() or "linear" in word.lower()) for word in words)


def _words(test: Value) -> Iterator[Value]:
    for value in inside(test):
        yield value
        if isinstance(value, Product):
            yield from inside(*value.call.arguments)


def _asks_for_matrices(test: Value) -> bool:
    """Whether a condition asks for parameters with more than one axis."""
    return (
        isinstance(test, Expression)
        and test.operator in ("Gt", "GtE")
        and any(
            (isinstance(each, Product) and each.call.name == ".dim")
            or (isinstance(each, Attribute) and each.name == "ndim")
            for each in test.operands
        )
    )


def _model(program: TorchProgram, target: Value, call: Call) -> str:
    """The model whose weights are initialized."""
    inner = target
    while isinstance(inner, Attribute):
        inner = inner.of
    whole = whole_of(inner, call.within)
    if whole is None and isinstance(inner, Item):
        source: Value = inner
        while isinstance(source, Item):
            source = source.of
        whole = source.call.receiver if isinstance(source, Product) else None
    key = program.models.key(whole)
    return "the model" if key is None else name_of(program, key)
