"""Finds the places of a graph that normalize, by the shape of their arithmetic and never by their names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from steadynorm.evidence import Mode
from steadynorm.graphs.constants import constant, output_shape
from steadynorm.graphs.guards import Guards
from steadynorm.graphs.moments import Leaf, MomentReader
from steadynorm.graphs.nodes import Node, producer
from steadynorm.graphs.weights import channels_kept, made_with_weights, read_by_weights
from steadynorm.graphs.wires import Wires

FUSED = frozenset({"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "_FusedBatchNormEx"})
_ADDITIONS = frozenset({"Add", "AddV2"})
_DIVISIONS = frozenset({"RealDiv", "Div"})


@dataclass(frozen=True, slots=True)
class Place:
    """One place that normalizes.

    Arguments:
        node: the fused operation, or the reciprocal root of the variance.
        kind: the type of the fused operation, or `moments and arithmetic`.
        output: the node that gives the normalized tensor.
        x: a reference to what it normalizes.
        scale: a reference to gamma, `None` without one.
        offset: a reference to beta, `None` without one.
        means: where its mean comes from: batch moments and averages, each with the guards under which it is taken.
        variances: where its variance comes from, likewise.
        epsilon: what is added to the variance, `None` if it is computed.
        axes: the axes that are reduced, `None` if that is not constant; of a fused operation those of its format.
        inside: the nodes that it is made of.
    """

    node: str
    kind: str
    output: str
    x: str
    scale: str | None
    offset: str | None
    means: tuple[Leaf, ...]
    variances: tuple[Leaf, ...]
    epsilon: float | None
    axes: tuple[int, ...] | None = None
    inside: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """Where its mean and its variance come from."""
        return self.means + self.variances

    def sides(self, mode: Mode) -> list[Guards]:
        """The guards under which it normalizes in a mode; empty if it never does."""
        return list(dict.fromkeys(each.guards for each in self.leaves if each.mode is mode))

    @property
    def moments(self) -> dict[str, str]:
        """The outputs that are its batch moments, as `mean` or `variance`."""
        pairs = [(each, "mean") for each in self.means] + [(each, "variance") for each in self.variances]
        return {each.name: kind for each, kind in pairs if each.mode is Mode.BATCH and each.name is not None}


class PlaceFinder:
    """Finds the places of one graph.

    Arguments:
        wires: the graph.
    """

    def __init__(self, wires: Wires) -> None:
        self._wires = wires
        self._moments = MomentReader(wires)

    def find(self) -> list[Place]:
        """All places, in the graph's order."""
        found: list[Place] = []
        for node in self._wires.flat.values():
            if node.op in FUSED and len(node.inputs) >= 5:
                place = self._fused(node)
            elif node.op == "BatchNormWithGlobalNormalization" and len(node.inputs) >= 5:
                place = self._global(node)
            elif node.op in ("Rsqrt", "Sqrt", "Pow"):
                place = self._unfused(node)
            else:
                continue
            if place is not None:
                found.append(place)
        return found

    def _fused(self, node: Node) -> Place | None:
        wires = self._wires
        x, scale, offset, mean, variance = node.inputs[:5]
        epsilon = float(node.attrs.get("epsilon", 1e-4))
        axes = _fused_axes(str(node.attrs.get("data_format", "NHWC")))
        guards = wires.guards.of(node.name)
        if node.attrs.get("is_training", True):
            known = [wires.variable(each) for each in (scale, offset, mean, variance)]
            constants = [wires.op(each) in ("Const", "Fill", "OnesLike", "ZerosLike") for each in (scale, offset)]
            if not any(known) and all(constants) and wires.op(x) == "Reshape":
                return None  # layer and group normalization use this kernel on reshaped samples
            # In training the operation is given its averages too, and reads or ignores them.
            means, variances = (
                (
                    Leaf(Mode.BATCH, f"{node.name}:{index}", guards),
                    *(Leaf(None, each, guards) for each in beside if each),
                )
                for index, beside in ((1, known[2:3]), (2, known[3:4]))
            )
        else:
            means, variances = (self._moments.leaves(each, guards) for each in (mean, variance))
            if not means or not variances:
                means = means or (Leaf(Mode.POPULATION, None, guards),)
                variances = variances or (Leaf(Mode.POPULATION, None, guards),)
        return Place(node.name, node.op, node.name, x, scale, offset, means, variances, epsilon, axes)

    def _global(self, node: Node) -> Place | None:
        x, mean, variance, beta, gamma = node.inputs[:5]
        guards = self._wires.guards.of(node.name)
        means, variances = (self._moments.leaves(each, guards) for each in (mean, variance))
        if not means or not variances:
            return None
        scaled = bool(node.attrs.get("scale_after_normalization", True))
        epsilon = float(node.attrs.get("variance_epsilon", 1e-3))
        return Place(
            node.name, node.op, node.name, x, gamma if scaled else None, beta, means, variances, epsilon, (0, 1, 2)
        )

    def _unfused(self, root: Node) -> Place | None:
        """A reciprocal root of variance plus epsilon that centred values are multiplied with."""
        if not root.inputs:
            return None
        found = self._shifted(root) if root.op == "Rsqrt" else None
        return found or self._centred(root)

    def _shifted(self, root: Node) -> Place | None:
        """x · s + (beta − mean · s) with s = gamma / sqrt(variance + epsilon), as tf.nn.batch_normalization has it."""
        variance, epsilon = self._without_epsilon(root.inputs[0])
        if variance is None:
            return None
        scales: list[tuple[str, str | None]] = [(root.name, None)]
        scales += [(product.name, other) for product, other in self._products(root.name)]
        for scale, gamma in reversed(scales):
            for product, mean in self._products(scale):
                for shift, beta in self._shifts(product, mean):
                    for total in self._wires.consumers(shift):
                        scaled = self._scaled(total, shift, scale)
                        if scaled is None:
                            continue
                        x, multiplied = scaled
                        if self._wires.op(mean) == "Neg":
                            mean = self._wires.flat[producer(mean)].inputs[0]
                        inside = frozenset({root.name, scale, product.name, multiplied, shift, total.name})
                        return self._place(root, total.name, x, gamma, beta, mean, variance, epsilon, inside)
        return None

    def _shifts(self, product: Node, factor: str) -> Iterator[tuple[str, str | None]]:
        """What mean · s is taken off beta by, with beta."""
        if self._wires.op(factor) == "Neg":
            yield product.name, None
        for node in self._wires.consumers(product.name):
            if node.op == "Sub" and len(node.inputs) == 2 and producer(node.inputs[1]) == product.name:
                yield node.name, node.inputs[0]
            elif node.op == "Neg":
                yield node.name, None

    def _scaled(self, total: Node, shift: str, scale: str) -> tuple[str, str] | None:
        """The x of x · s + shift, and the node that multiplies it."""
        if total.op not in _ADDITIONS or len(total.inputs) != 2:
            return None
        for each in total.inputs:
            product = self._wires.node(each)
            if product is None or product.name == shift or product.op != "Mul":
                continue
            others = [factor for factor in product.inputs if producer(factor) != scale]
            if len(others) == 1:
                return others[0], product.name
        return None

    def _centred(self, root: Node) -> Place | None:
        """(x − mean) / sqrt(variance + epsilon), written by hand, with what is multiplied and added after it."""
        if root.op == "Pow" and (len(root.inputs) < 2 or self._wires.numbers(root.inputs[1]) not in ((0.5,), (-0.5,))):
            return None
        variance, epsilon = self._without_epsilon(root.inputs[0])
        divisor = root.name
        if variance is None:  # sqrt(variance) + epsilon
            totals = [each for each in self._wires.consumers(root.name) if each.op in _ADDITIONS]
            if root.op != "Sqrt" or len(totals) != 1:
                return None
            added = [self._wires.numbers(each) for each in totals[0].inputs if producer(each) != root.name]
            if len(added) != 1 or added[0] is None:
                return None
            variance, epsilon, divisor = root.inputs[0], added[0][0], totals[0].name
        for quotient in self._wires.consumers(divisor):
            inverse = root.op == "Rsqrt" or (root.op == "Pow" and self._wires.numbers(root.inputs[1]) == (-0.5,))
            if len(quotient.inputs) != 2 or (quotient.op != "Mul" if inverse else quotient.op not in _DIVISIONS):
                continue
            numerators = [each for each in quotient.inputs if producer(each) != divisor]
            centred = self._wires.node(numerators[0]) if len(numerators) == 1 else None
            if not inverse and producer(quotient.inputs[1]) != divisor:
                continue
            scaled = self._scaled_by_variable(centred)
            if scaled is not None:
                centred = self._wires.node(scaled[0])
            if centred is None or centred.op != "Sub" or len(centred.inputs) != 2:
                continue
            output, gamma, beta = self._affine(quotient.name)
            inside = frozenset({root.name, divisor, quotient.name, centred.name, output})
            if scaled is not None:
                inside |= {producer(numerators[0])}
                gamma = gamma or scaled[1]
            x, mean = centred.inputs
            place = self._place(root, output, x, gamma, beta, mean, variance, epsilon, inside)
            if place is None or not any(each.mode is Mode.BATCH for each in place.leaves):
                continue
            if gamma or beta or self._is_of_the_network(place):
                return place
        return None

    def _scaled_by_variable(self, node: Node | None) -> tuple[str, str] | None:
        """What gamma is multiplied with before the division, and gamma; `None` if there is no such product."""
        if node is not None and node.op == "Mul" and len(node.inputs) == 2:
            for value, gamma in (node.inputs, node.inputs[::-1]):
                if self._wires.variable(gamma) is not None and self._wires.op(value) == "Sub":
                    return value, gamma
        return None

    def _is_of_the_network(self, place: Place) -> bool:
        """Whether a place without gamma and beta stands between a network's layers, and takes the moments of them all.

        Data and losses are standardized over the batch, too, which is no matter of training or inference.
        """
        wires = self._wires
        origin = wires.origin(place.x)
        return (
            all(self._reduces(each.name or "", origin) for each in place.means)
            and channels_kept(wires, place.x, place.axes) > 1
            and made_with_weights(wires, place.x)
            and read_by_weights(wires, place.output)
        )

    def _reduces(self, moment: str, origin: str) -> bool:
        """Whether a moment is taken of what a node gives, less a shift at most."""
        node = self._wires.node(moment)
        behind = None if node is None or not node.inputs else self._wires.flat.get(self._wires.origin(node.inputs[0]))
        if behind is not None and behind.name != origin and behind.op == "Sub" and behind.inputs:
            return self._wires.origin(behind.inputs[0]) == origin
        return behind is not None and behind.name == origin

    def _affine(self, name: str) -> tuple[str, str | None, str | None]:
        """The node after gamma and beta, and the two, each `None` if it is not there."""
        gamma = beta = None
        for kinds in (frozenset({"Mul"}), _ADDITIONS):
            for node in self._wires.consumers(name):
                others = [each for each in node.inputs if producer(each) != name]
                if node.op in kinds and len(others) == 1 and self._wires.variable(others[0]):
                    if "Mul" in kinds:
                        gamma = others[0]
                    else:
                        beta = others[0]
                    name = node.name
                    break
        return name, gamma, beta

    def _place(
        self,
        root: Node,
        output: str,
        x: str,
        gamma: str | None,
        beta: str | None,
        mean: str,
        variance: str,
        epsilon: float | None,
        inside: frozenset[str],
    ) -> Place | None:
        guards = self._wires.guards.of(output)
        means, variances = self._moments.leaves(mean, guards), self._moments.leaves(variance, guards)
        if not means or not variances:
            return None
        batch = [each.name for each in means if each.mode is Mode.BATCH and each.name]
        axes = self._moments.axes(batch[0]) if batch else None
        inside |= self._moments.inside(
            x, batch + [each.name for each in variances if each.mode is Mode.BATCH and each.name]
        )
        return Place(
            root.name, "moments and arithmetic", output, x, gamma, beta, means, variances, epsilon, axes, inside
        )

    def _without_epsilon(self, reference: str) -> tuple[str | None, float | None]:
        total = self._wires.node(reference)
        while total is not None and total.op in ("Identity", "Maximum") and total.inputs:
            total = self._wires.node(total.inputs[0])
        if total is None or total.op not in _ADDITIONS or len(total.inputs) != 2:
            return None, None
        for term, other in (total.inputs, total.inputs[::-1]):
            numbers = self._wires.numbers(other)
            if numbers is not None and self._wires.numbers(term) is None and 0 < numbers[0] < 1:
                return term, numbers[0]
        constants = [self._is_epsilon(each) for each in total.inputs]
        if constants == [False, True]:  # in a frozen graph the averages are constants as well
            return total.inputs[0], (self._wires.numbers(total.inputs[1]) or (None,))[0]
        return None, None

    def _is_epsilon(self, reference: str) -> bool:
        node = self._wires.node(reference)
        values = constant(node)
        return values is not None and len(values) == 1 and output_shape(node) == ()

    def _products(self, name: str) -> list[tuple[Node, str]]:
        """Products with the node's output, each with its other factor."""
        found = []
        for node in self._wires.consumers(name):
            others = [each for each in node.inputs if producer(each) != name]
            if node.op == "Mul" and len(others) == 1:
                found.append((node, others[0]))
        return found


def _fused_axes(data_format: str) -> tuple[int, ...]:
    rank = len(data_format)
    channels = data_format.find("C")
    return tuple(axis for axis in range(rank) if axis != channels)
