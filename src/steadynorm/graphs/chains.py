"""The operations around a place that normalizes, nearest first, up to the first branch or layer."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.evidence import Operation
from steadynorm.graphs.constants import constant, output_shape
from steadynorm.graphs.guards import MERGES
from steadynorm.graphs.nodes import Node, producer
from steadynorm.graphs.operations import ACTIVATIONS, ADDITIONS, CONVOLUTIONS, LINEAR, RESHAPES
from steadynorm.graphs.places import Place
from steadynorm.graphs.reachability import PASSING_OPS, VARIABLE_OPS
from steadynorm.graphs.wires import GRADIENT_SCOPE, Wires

_KINDS = (
    dict.fromkeys(CONVOLUTIONS, "convolution")
    | dict.fromkeys(LINEAR, "linear")
    | dict.fromkeys(ACTIVATIONS, "activation")
    | dict.fromkeys(RESHAPES, "reshape")
    | {"Sigmoid": "sigmoid", "Tanh": "tanh", "Softmax": "softmax", "LogSoftmax": "softmax"}
)
_PREDICTING = frozenset(
    {"SoftmaxCrossEntropyWithLogits", "SparseSoftmaxCrossEntropyWithLogits", "ArgMax", "InTopK", "InTopKV2", "TopKV2"}
)
_UNHEARD = frozenset(
    {"Shape", "ShapeN", "Rank", "Size", "ZerosLike", "OnesLike", "Assert", "NoOp", "BroadcastGradientArgs"}
    | {"OptionalFromValue", "StackPushV2", "StackPush", "TensorListPushBack", "VarIsInitializedOp"}
)
_MASKING = frozenset(
    {"Floor", "Cast", "GreaterEqual", "Greater", "Less", "Add", "AddV2", "Mul", "Sub", "Div", "RealDiv"}
)
_DIFFERENCES = frozenset({"Sub", "SquaredDifference"})
_SIZES = frozenset({"Square", "Abs", "L2Loss"})
_SUMMING = frozenset({"Mean", "Sum", "Mul"})
_DATA = frozenset({"Placeholder", "PlaceholderWithDefault", "IteratorGetNext", "QueueDequeueManyV2", "QueueDequeueV2"})
_LONG = 12
_NEAR = 40
_WEIGHT = 10  # what looking at a reader costs, in nodes that a walk visits


class ChainReader:
    """Reads the surroundings of places in one graph.

    Arguments:
        wires: the graph.
        gradients: names of the nodes that are derivatives.
    """

    def __init__(self, wires: Wires, gradients: set[str]) -> None:
        self._wires = wires
        self._gradients = gradients

    def before(self, place: Place, inside: frozenset[str], *, through_weights: bool = False) -> tuple[Operation, ...]:
        """What leads into a place.

        Arguments:
            place: the place.
            inside: names of the nodes of all places of the same layer, which are no other readers of its input.
            through_weights: whether a convolution or linear layer is no end.
        """
        chain: list[Operation] = []
        name = self._behind(place.x)
        bias = False
        readers = 1 + self._others(name, inside)
        while len(chain) < _LONG:
            node = self._wires.flat.get(name)
            if node is None or not node.inputs:
                break
            if self._keeps_bias(node):
                name = self._behind(node.inputs[0])
                readers += self._others(name, inside | {node.name})
                continue
            following = self._biased(node)
            if following is not None:
                bias = True
                name = self._behind(following)
                readers += self._others(name, inside | {node.name})
                continue
            dropped = self.dropped(node)
            if dropped is not None:
                chain.append(Operation("dropout", node.name, consumers=readers))
                name = self._behind(dropped)
            else:
                kind = _KINDS.get(node.op, "add" if node.op in ADDITIONS else "other")
                chain.append(Operation(kind, node.name, bias=bias, consumers=readers))
                weighs = kind in ("convolution", "linear")
                if kind == "add" or (weighs and not through_weights):
                    break
                if len(node.inputs) > 1 and kind != "reshape" and not weighs:
                    break
                name = self._behind(node.inputs[0])
            bias, readers = False, 1 + self._others(name, frozenset({node.name}))
        return tuple(chain)

    def after(self, place: Place, inside: frozenset[str]) -> tuple[Operation, ...]:
        """What leads out of a place, likewise."""
        chain: list[Operation] = []
        name = place.output
        seen = {name}
        while len(chain) < _LONG:
            readers = [each for each in self.readers(name) if each.name not in inside]
            if readers and all(self._predicts(each, len(readers) > 1) for each in readers):
                chain.append(Operation("output", readers[0].name, consumers=len(readers)))
                break
            if len(readers) != 1 or readers[0].name in seen:
                break
            (node,) = readers
            seen.add(node.name)
            dropped = self.dropped(node)
            kind = "dropout" if dropped is not None else _KINDS.get(node.op, "add" if node.op in ADDITIONS else "other")
            if self._biased(node) is not None:
                kind = "other"
            chain.append(Operation(kind, node.name))
            if kind in ("convolution", "linear", "add", "other"):
                break
            name = node.name
        return tuple(chain)

    def dropped(self, node: Node) -> str | None:
        """What dropout is applied to, `None` if the node is none."""
        if node.op not in ("Mul", "SelectV2", "Select") or len(node.inputs) < 2:
            return None
        mask = [each for each in node.inputs if self._is_mask(each)]
        rest = [each for each in node.inputs if each not in mask]
        if len(mask) != 1 or not rest:
            return None
        value = self._wires.node(rest[0])
        while value is not None and value.op in ("Mul", "RealDiv", "Div") and len(value.inputs) == 2:
            scaled = [each for each in value.inputs if not self._wires.is_scalar(each)]
            if len(scaled) != 1:
                break
            return scaled[0]
        return rest[0]

    def _predicts(self, node: Node, beside: bool) -> bool:
        """Whether a node takes the output of a network: in a loss, as a class, or as probabilities beside a loss."""
        if node.op in _PREDICTING or (beside and node.op == "Softmax"):
            return True
        if self._compares(node):
            return True
        following = list(self.readers(node.name)) if beside and node.op in RESHAPES else []
        return bool(following) and all(each.op in _PREDICTING for each in following)

    def _compares(self, node: Node) -> bool:
        """Whether a node takes the difference to what no weights have made, of which a loss is the mean or the sum."""
        if node.op not in _DIFFERENCES or len(node.inputs) != 2:
            return False
        if not any(self._is_given(each) for each in node.inputs):
            return False
        sizes = [node] if node.op == "SquaredDifference" else list(self.readers(node.name))
        if node.op == "Sub" and not (sizes and all(each.op in _SIZES for each in sizes)):
            return False
        sums = [reader for each in sizes if each.op != "L2Loss" for reader in self.readers(each.name)]
        return all(each.op in _SUMMING for each in sums)

    def _is_given(self, reference: str) -> bool:
        """Whether an output is data: fed or read, and changed by no weights."""
        above = [self._wires.flat[name] for name in self._wires.upstream([reference])]
        return any(each.op in _DATA for each in above) and not any(each.op in VARIABLE_OPS for each in above)

    def readers(self, name: str) -> Iterator[Node]:
        """The nodes that compute something from an output, behind what only gives it on: no gradients, no summaries."""
        seen = {name}
        waiting = [name]
        found: dict[str, Node] = {}
        while waiting:
            here = waiting.pop()
            self._wires.count(_WEIGHT * len(self._wires.consumers(here)))
            for node in self._wires.consumers(here):
                if node.name in seen or node.name in self._gradients or GRADIENT_SCOPE.search(node.name):
                    continue
                if here == name and not {name, f"{name}:0"} & set(node.inputs):
                    continue  # it reads another output: the moments of a fused operation
                seen.add(node.name)
                if node.op in PASSING_OPS or node.op in ("CheckNumerics", "Print"):
                    waiting.append(node.name)
                elif node.op not in _UNHEARD and "Summary" not in node.op and not self._is_watched(node):
                    found[node.name] = node
        yield from found.values()

    def layout(self, place: Place) -> tuple[str, tuple[int, ...]] | None:
        """The data format of the convolution or pooling that leads into a place, and where its axes have come from.

        The second says for each axis of the place's input which one of that format it is, behind transpositions. It is
        `None` if nothing tells.
        """
        name = self._behind(place.x)
        turned: tuple[int, ...] | None = None
        for _ in range(_LONG):
            node = self._wires.flat.get(name)
            if node is None or not node.inputs:
                return None
            if node.op in CONVOLUTIONS or node.op in ("MaxPool", "AvgPool", "MaxPoolV2"):
                layout = str(node.attrs.get("data_format", "NHWC"))
                return layout, tuple(range(len(layout))) if turned is None else turned
            if node.op == "Transpose" and len(node.inputs) > 1:
                order = constant(self._wires.node(node.inputs[1]))
                if order is None:
                    return None
                axes = tuple(map(int, order))
                if turned is not None and len(axes) != len(turned):
                    return None
                turned = axes if turned is None else tuple(axes[each] for each in turned)
            elif node.op in RESHAPES:
                return None
            biased = self._biased(node)
            if biased is None and node.op not in ACTIVATIONS and node.op != "Transpose":
                return None
            name = self._behind(biased or node.inputs[0])
        return None

    def _behind(self, reference: str) -> str:
        """The node behind what only gives on, on the side with dropout where a condition switches that."""
        name = self._wires.origin(reference)
        first = self._wires.flat.get(producer(reference))
        seen: set[str] = set()
        while first is not None and first.name not in seen and first.op in PASSING_OPS and first.inputs:
            seen.add(first.name)
            if first.op in MERGES:
                for each in first.inputs:
                    side = self._wires.flat.get(self._wires.origin(each))
                    if side is not None and self.dropped(side) is not None:
                        return side.name
            first = self._wires.node(first.inputs[0])
        return name

    def _others(self, name: str, inside: frozenset[str]) -> int:
        return sum(not self._belongs(each, inside) for each in self.readers(name))

    def _belongs(self, node: Node, inside: frozenset[str]) -> bool:
        """Whether a node is inside of a place, or reshapes for nobody else."""
        if node.name in inside:
            return True
        return node.op in RESHAPES and {each.name for each in self.readers(node.name)} <= inside

    def _is_watched(self, node: Node) -> bool:
        """Whether only summaries come of a node."""
        seen = {node.name}
        waiting = [node.name]
        watched = False
        while waiting:
            for each in self._wires.consumers(waiting.pop()):
                if "Summary" in each.op:
                    watched = True
                elif each.name not in seen:
                    seen.add(each.name)
                    waiting.append(each.name)
            if len(seen) > _NEAR:
                return False
        ends = [name for name in seen if not self._wires.consumers(name)]
        return watched and not ends

    def _biased(self, node: Node) -> str | None:
        """What a bias is added to, `None` if the node adds none."""
        if node.op not in ADDITIONS or len(node.inputs) != 2:
            return None
        for value, bias in (node.inputs, node.inputs[::-1]):
            if self._wires.variable(bias) is not None and self._wires.variable(value) is None:
                return value
            if node.op == "BiasAdd":
                break
        return None

    def _keeps_bias(self, node: Node) -> bool:
        """Whether a node reshapes what a bias was added to and leaves that one number for each channel.

        It does if the channels stay the last axis, or become part of it. A dense layer's output that becomes an image
        has a bias for each position, and no mean over the positions cancels it.
        """
        return node.op == "Reshape" and self._bias_channels(node, 0) > 0

    def _bias_channels(self, node: Node | None, depth: int) -> int:
        """How many numbers the bias has that was added before some reshapes; 0 if there is none, or it is broken up."""
        if node is None or len(node.inputs) != 2 or depth > _LONG:
            return 0
        if node.op == "Reshape":
            channels = self._bias_channels(self._wires.flat.get(self._behind(node.inputs[0])), depth + 1)
            return channels if channels and self._last_size(node) % channels == 0 and self._last_size(node) else 0
        if self._biased(node) is None:
            return 0
        sizes = [output_shape(self._wires.flat.get(self._wires.variable(each) or "")) for each in node.inputs]
        return max((size[-1] for size in sizes if size), default=0)

    def _last_size(self, reshape: Node) -> int:
        """The size of the last axis behind a reshape, 0 if it is not known."""
        shape = self._wires.node(reshape.inputs[1])
        if shape is not None and shape.op in ("Pack", "ConcatV2") and shape.inputs:
            inputs = shape.inputs[:-1] if shape.op == "ConcatV2" else shape.inputs
            shape = self._wires.node(inputs[-1])
        values = constant(shape)
        if values and not isinstance(values[-1], bytes) and values[-1] > 0:
            return int(values[-1])
        known = output_shape(reshape)
        return known[-1] if known else 0

    def _is_mask(self, reference: str) -> bool:
        waiting = [producer(reference)]
        seen: set[str] = set()
        random = False
        while waiting and len(seen) < _NEAR:
            name = waiting.pop()
            node = self._wires.flat.get(name)
            if node is None or name in seen:
                continue
            seen.add(name)
            if "Random" in node.op:
                random = True
            elif node.op in _MASKING or node.op in PASSING_OPS:
                waiting += [producer(each) for each in node.inputs]
            elif not self._wires.is_scalar(name):
                return False
        return random
