"""Which places of a graph belong to one layer: those that share statistics, or gamma and beta where there are none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from steadynorm.evidence import Mode
from steadynorm.graphs.averages import Average
from steadynorm.graphs.constants import output_shape, type_name
from steadynorm.graphs.nodes import producer
from steadynorm.graphs.places import Place
from steadynorm.graphs.reachability import VARIABLE_OPS
from steadynorm.graphs.wires import Wires


@dataclass(slots=True)
class Group:
    """The places of one layer and its variables.

    Arguments:
        name: the layer's name.
        places: where it is used.
        averages: what moves its statistics.
        gamma: variables that scale.
        beta: variables that shift.
        mean: the average of the means, `None` without one.
        variance: the average of the variances, likewise.
    """

    name: str
    places: list[Place]
    averages: list[Average] = field(default_factory=list)
    gamma: str | None = None
    beta: str | None = None
    mean: str | None = None
    variance: str | None = None

    @property
    def parameters(self) -> frozenset[str]:
        """Gamma and beta, as far as it has them."""
        return frozenset(each for each in (self.gamma, self.beta) if each is not None)

    @property
    def statistics(self) -> frozenset[str]:
        """The averages that inference reads, as far as it has them."""
        return frozenset(each for each in (self.mean, self.variance) if each is not None)

    @property
    def variables(self) -> frozenset[str]:
        """All of its variables."""
        return self.parameters | self.statistics


def group(wires: Wires, places: Sequence[Place], averages: Sequence[Average]) -> list[Group]:
    """The layers of a graph, in the order of their first places."""
    by_moment: dict[str, list[Average]] = {}
    for average in averages:
        for moment in average.moments:
            by_moment.setdefault(moment, []).append(average)
    is_frozen = not any(node.op in VARIABLE_OPS for node in wires.flat.values())
    parameters = [_parameters(wires, place, is_frozen) for place in places]
    statistics = [
        _statistics(place, by_moment) - {each for each in parameters[index] if each is not None}
        for index, place in enumerate(places)
    ]
    groups = _joined(places, parameters, statistics)
    found = [_described(places, each, parameters, by_moment) for each in groups]
    _name(found)
    return found


def channels(wires: Wires, layer: Group) -> int:
    """How many channels a layer has, 0 if the shapes of its variables are not known."""
    for name in sorted(layer.variables):
        shape = output_shape(wires.flat.get(name))
        if shape:
            known = [each for each in shape if each != 1]
            return known[0] if len(known) == 1 and known[0] > 0 else 1 if not known else 0
    return 0


def dtype(wires: Wires, layer: Group) -> str:
    """The type of a layer's statistics, `float32` if it has none."""
    for name in sorted(layer.statistics):
        node = wires.flat.get(name)
        if node is not None and "dtype" in node.attrs:
            return type_name(node.attrs["dtype"])
    return "float32"


def initial(wires: Wires, layer: Group) -> tuple[float, float] | None:
    """What the means and the variances begin with, `None` where there are none, or it is not one number each."""
    mean, variance = (_initial(wires, each) for each in (layer.mean, layer.variance))
    return None if mean is None or variance is None else (mean, variance)


def _initial(wires: Wires, variable: str | None) -> float | None:
    if variable is None:
        return None
    for node in wires.consumers(variable):
        if node.op in ("Assign", "AssignVariableOp") and len(node.inputs) > 1 and producer(node.inputs[0]) == variable:
            value = wires.node(node.inputs[1])
            filled = value.inputs[1] if value is not None and value.op == "Fill" else node.inputs[1]
            numbers = wires.numbers(filled)
            if numbers is not None and len(numbers) == 1:
                return numbers[0]
    return None


def _parameters(wires: Wires, place: Place, is_frozen: bool) -> tuple[str | None, str | None]:
    known = _frozen if is_frozen else Wires.variable
    gamma, beta = (None if each is None else known(wires, each) for each in (place.scale, place.offset))
    return gamma, beta


def _frozen(wires: Wires, reference: str) -> str | None:
    """The constant that freezing has made of a variable; `None` for one that was a constant before.

    What read the variable still stands between, and it holds a number for each channel.
    """
    name = wires.origin(reference)
    node = wires.flat.get(name)
    if name == producer(reference) or node is None or node.op != "Const":
        return None
    return name if len(output_shape(node) or ()) == 1 else None


def _statistics(place: Place, by_moment: dict[str, list[Average]]) -> frozenset[str]:
    kept = {each.name for each in place.leaves if each.mode is not Mode.BATCH and each.name is not None}
    averaged = {average.target for moment in place.moments for average in by_moment.get(moment, ())}
    return frozenset(kept | averaged)


def _joined(
    places: Sequence[Place],
    parameters: Sequence[tuple[str | None, str | None]],
    statistics: Sequence[frozenset[str]],
) -> list[list[int]]:
    """Indices of the places by layer."""
    leader: dict[str, int] = {}
    groups: dict[int, list[int]] = {}
    home: dict[int, int] = {}
    for index in range(len(places)):
        known = sorted({home[leader[each]] for each in statistics[index] if each in leader})
        target = known[0] if known else index
        for other in known[1:]:
            for moved in groups.pop(other):
                groups[target].append(moved)
                home[moved] = target
        groups.setdefault(target, []).append(index)
        home[index] = target
        for each in statistics[index]:
            leader.setdefault(each, index)
    # A place without statistics goes to the layer whose gamma and beta it has, if that is one layer.
    first: dict[tuple[str | None, str | None], int] = {}
    owners: dict[tuple[str | None, str | None], set[int]] = {}
    for index, pair in enumerate(parameters):
        if any(pair):
            first.setdefault(pair, index)
            if statistics[index]:
                owners.setdefault(pair, set()).add(home[index])
    for index, pair in enumerate(parameters):
        if statistics[index] or not any(pair):
            continue
        homes = owners.get(pair) or {home[first[pair]]}
        if len(homes) == 1 and home[index] not in homes:
            (target,) = homes
            groups[home[index]].remove(index)
            if not groups[home[index]]:
                del groups[home[index]]
            groups[target].append(index)
            home[index] = target
    return sorted((sorted(each) for each in groups.values()), key=lambda each: each[0])


def _described(
    places: Sequence[Place],
    indices: Iterable[int],
    parameters: Sequence[tuple[str | None, str | None]],
    by_moment: dict[str, list[Average]],
) -> Group:
    indices = list(indices)
    own = [places[index] for index in indices]
    averages: dict[str, Average] = {}
    for place in own:
        for moment in place.moments:
            averages.update({each.node.name: each for each in by_moment.get(moment, ())})
    layer = Group("", own, list(averages.values()))
    layer.gamma = next((parameters[index][0] for index in indices if parameters[index][0]), None)
    layer.beta = next((parameters[index][1] for index in indices if parameters[index][1]), None)
    inner = {name for each in averages.values() for name in each.through}
    for kind in ("mean", "variance"):
        leaves = [leaf for place in own for leaf in (place.means if kind == "mean" else place.variances)]
        read = [leaf.name for leaf in leaves if leaf.mode is Mode.POPULATION and leaf.name]
        beside = [leaf.name for leaf in leaves if leaf.mode is None and leaf.name]
        written = [
            each.target
            for each in averages.values()
            if each.target not in inner and _kind(each, own) == kind and each.target not in layer.parameters
        ]
        chosen = next(iter([*read, *beside, *written]), None)
        if kind == "mean":
            layer.mean = chosen
        elif chosen != layer.mean:
            layer.variance = chosen
    return layer


def _kind(average: Average, places: Sequence[Place]) -> str:
    """Whether an average is of means or of variances: only the latter has sources that no mean is made of."""
    means = {leaf.name for place in places for leaf in place.means if leaf.mode is Mode.BATCH}
    return "mean" if average.moments & {each for each in means if each} == average.moments else "variance"


def _name(layers: Sequence[Group]) -> None:
    """Names each layer by the scope of its variables, or of its first place where that names several."""
    scopes = [_scope(layer.variables) for layer in layers]
    often = Counter(scopes)
    taken: Counter[str] = Counter()
    for layer, scope in zip(layers, scopes, strict=True):
        name = scope
        if not scope or often[scope] > 1:
            place = layer.places[0].node
            name = place.rpartition("/")[0].removesuffix("/batchnorm") or place
            name = name if name != scope else place
        taken[name] += 1
        layer.name = name if taken[name] == 1 else f"{name} ({taken[name]})"


def _scope(names: Iterable[str]) -> str:
    parts = [name.split("/")[:-1] for name in names]
    if not parts:
        return ""
    common = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        common.append(level[0])
    return "/".join(common)
