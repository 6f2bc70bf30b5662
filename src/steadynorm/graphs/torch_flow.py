"""A PyTorch program as a list of steps, and what it says about normalization: modes, updates, neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from steadynorm.evidence import Mode, Operation
from steadynorm.recorded import Choice, Graph, GraphLayer, Update, Use

LONGEST_CHAIN = 12

_KINDS = {
    "convolution": ("conv1d", "conv2d", "conv3d", "convolution", "conv_transpose1d", "conv_transpose2d",
                    "conv_transpose3d", "quantized_conv"),
    "linear": ("linear", "addmm", "matmul", "mm", "bmm", "bilinear"),
    "dropout": ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout", "native_dropout"),
    "sigmoid": ("sigmoid",),
    "tanh": ("tanh",),
    "softmax": ("softmax", "log_softmax"),
    "activation": ("relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "hardswish", "celu",
                   "hardtanh", "clamp_min"),
    "add": ("add", "sub", "cat", "concat", "stack", "rsub"),
    "reshape": ("view", "reshape", "flatten", "unflatten", "permute", "transpose", "t", "squeeze", "unsqueeze",
                "contiguous", "to", "_to_copy", "clone", "detach", "alias", "expand", "view_as", "slice", "select",
                "chunk", "split", "unbind", "_unsafe_view"),
}  # fmt: skip
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names}

NAMELESS = "CONSTANTS."
"""How the names of tensors begin that a program has without any name."""

_ENDS = ("normalization", "convolution", "linear")


@dataclass(frozen=True, slots=True)
class Switch:
    """A flag of the saved model that is read when it runs.

    Arguments:
        name: where it is, as `bn1.training`.
        default: its saved value.
        negated: whether its opposite is meant.
    """

    name: str
    default: bool
    negated: bool = False

    @property
    def value(self) -> bool:
        """What it gives as saved."""
        return self.default != self.negated


@dataclass(frozen=True, slots=True)
class Normalization:
    """What one call of a batch normalization is given.

    Arguments:
        layer: the layer's name.
        kind: the operation or class, as `BatchNorm2d`.
        gamma: the scale's name, `None` without one.
        beta: the offset's name, likewise.
        mean: the name of the running mean, likewise.
        variance: the name of the running variance, likewise.
        training: whether it takes the moments of the batch; `None` if that is computed.
        momentum: PyTorch's, `None` if it is computed.
        epsilon: what is added to the variance, likewise.
        channels: how many there are, 0 if unknown.
        dtype: the type of the statistics.
        updates: whether it moves the statistics when it takes the moments of the batch.
    """

    layer: str
    kind: str
    gamma: str | None
    beta: str | None
    mean: str | None
    variance: str | None
    training: bool | Switch | None
    momentum: float | None
    epsilon: float | None
    channels: int = 0
    dtype: str = "float32"
    updates: bool = True

    @property
    def mode(self) -> Mode | None:
        """Its mode, `None` if that is chosen when the program runs."""
        if self.mean is None and self.variance is None:
            return Mode.BATCH
        return _mode(self.training) if isinstance(self.training, bool) else None


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of the program.

    Arguments:
        name: different from every other's.
        target: the operation without its namespace, as `conv2d`.
        reads: the names of the steps whose results it reads.
        place: the module that it is called in, empty for the model itself.
        bias: whether it adds a trainable bias.
        normalization: for a batch normalization, what it is given.
    """

    name: str
    target: str
    reads: tuple[str, ...]
    place: str = ""
    bias: bool = False
    normalization: Normalization | None = None

    @property
    def kind(self) -> str:
        """As in `Operation`."""
        if self.normalization is not None:
            return "normalization"
        return _KIND_OF.get(self.target.removesuffix("_"), _KIND_OF.get(self.target.strip("_"), "other"))


def layer_name(mean: str | None, gamma: str | None, place: str, node: str) -> str:
    """What a layer is called: by its tensors where they have the usual names, else by what is its own.

    Arguments:
        mean: the name of the running mean, `None` without one.
        gamma: the name of the scale, likewise.
        place: the module that calls the normalization, empty if there is none.
        node: the step that normalizes.
    """
    if mean is not None and not mean.startswith(NAMELESS):
        return mean.removesuffix(".running_mean")
    if gamma is not None and gamma.endswith(".weight"):
        return gamma.removesuffix(".weight")
    return place or node


def graph_of(steps: Sequence[Step], outputs: Iterable[str]) -> Graph:
    """What a program that was exported says about its normalization.

    Arguments:
        steps: in the order in which they run.
        outputs: the names of the steps whose results it returns.
    """
    flow = _Flow(steps, frozenset(outputs))
    normalizing = [(step, step.normalization) for step in steps if step.normalization is not None]
    layers: dict[str, GraphLayer] = {}
    updates: list[Update] = []
    for step, norm in normalizing:
        layers.setdefault(norm.layer, _layer(norm))
        updates += _updates(step, norm)
    return Graph(
        uses=tuple(_use(step, norm, flow) for step, norm in normalizing),
        updates=tuple(updates),
        inference_only=True,
        layers=tuple(layers.values()),
        exported=True,
    )


def _mode(training: bool) -> Mode:
    return Mode.BATCH if training else Mode.POPULATION


def _use(step: Step, norm: Normalization, flow: _Flow) -> Use:
    switch = norm.training if norm.mode is None and isinstance(norm.training, Switch) else None
    return Use(
        layer=norm.layer,
        node=step.name,
        mode=norm.mode,
        choice=Choice.FIXED if norm.mode is not None else Choice.VARIABLE if switch is not None else Choice.COMPUTED,
        switch=None if switch is None else switch.name,
        default=None if switch is None else _mode(switch.value),
        before=flow.before(step),
        after=flow.after(step),
        input=step.reads[0] if step.reads else None,
    )


def _layer(norm: Normalization) -> GraphLayer:
    decay = None if norm.momentum is None else 1 - norm.momentum
    return GraphLayer(
        norm.layer, norm.kind, norm.channels, norm.gamma, norm.beta, norm.mean, norm.variance, norm.epsilon, decay,
        norm.dtype,
    )  # fmt: skip


def _updates(step: Step, norm: Normalization) -> list[Update]:
    if not norm.updates or norm.training is False or norm.mean is None:
        return []
    decay = None if norm.momentum is None else 1 - norm.momentum
    source = step.reads[0] if step.reads else None
    return [
        Update(norm.layer, statistic, step.name, decay, input=source)
        for statistic, name in (("mean", norm.mean), ("variance", norm.variance))
        if name is not None
    ]


class _Flow:
    def __init__(self, steps: Sequence[Step], outputs: frozenset[str]) -> None:
        self._steps = {step.name: step for step in steps}
        self._outputs = outputs
        self._readers: dict[str, list[Step]] = {}
        for step in steps:
            for name in dict.fromkeys(step.reads):
                self._readers.setdefault(name, []).append(step)

    def _operation(self, step: Step) -> Operation:
        readers = len(self._readers.get(step.name, ())) + (step.name in self._outputs)
        return Operation(step.kind, step.place or step.target, step.bias, readers)

    def before(self, step: Step) -> tuple[Operation, ...]:
        chain: list[Operation] = []
        while len(set(step.reads)) == 1 and len(chain) < LONGEST_CHAIN:
            found = self._steps.get(step.reads[0])
            if found is None:
                break
            step = found
            chain.append(self._operation(step))
            if step.kind == "normalization":
                break
        return tuple(chain)

    def after(self, step: Step) -> tuple[Operation, ...]:
        chain: list[Operation] = []
        while len(chain) < LONGEST_CHAIN:
            readers = self._readers.get(step.name, [])
            if step.name in self._outputs:
                if not readers:
                    chain.append(Operation("output", "output"))
                break
            if len(readers) != 1:
                break
            step = readers[0]
            chain.append(self._operation(step))
            if step.kind in _ENDS:
                break
        return tuple(chain)
