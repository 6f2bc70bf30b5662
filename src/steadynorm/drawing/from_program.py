"""An exported PyTorch program as a network: its operations, in the modules that called them."""

from __future__ import annotations

from steadynorm.drawing.network import MOST_DEPTH, Edge, Network, Scope, Shape, Vertex
from steadynorm.graphs.program_json import Json, at, dicts_in, module_of, names_of, outputs_of, tensors_in


def program_network(model: Json) -> Network:
    """The network of a program; its weights, and what only they go into, are not drawn.

    Arguments:
        model: the program's JSON.
    """
    return _Reading(model).network()


class _Reading:
    def __init__(self, model: Json) -> None:
        module = at(model, "graph_module")
        names = names_of(at(module, "signature"))
        self._graph = at(module, "graph")
        self._values = at(self._graph, "tensor_values")
        self._weights = names.weights
        self._returned = list(outputs_of(module, self._graph))
        self._found = Network(left_out={"that are weights": len(self._weights)} if self._weights else {})
        trained = {name: at(self._values, name).get("requires_grad") is True for name in names.parameters}
        # Of a program that was exported without any gradients it says nothing that a weight has none.
        self._frozen = (
            {name for name, is_trained in trained.items() if not is_trained} if any(trained.values()) else set()
        )
        self._makers: dict[str, str] = {}

    def network(self) -> Network:
        found = self._found
        for name in tensors_in(self._graph.get("inputs")):
            if name not in self._weights:
                found.add([Vertex(f"input {name}", (), name, "input", self._shape(name))])
                self._makers[name] = f"input {name}"
        nodes = list(dicts_in(self._graph.get("nodes")))
        read = {name for node in nodes for name in _taken(node)} | set(self._returned)
        for index, node in enumerate(nodes):
            taken = _taken(node)
            if not taken or any(name in self._makers for name in taken):
                self._add(node, index, taken, read)
        for name in self._returned:
            found.add([Vertex(f"output {name}", (), name, "output", self._shape(name))])
            self._connect([name], f"output {name}")
        return found

    def _add(self, node: Json, index: int, taken: list[str], read: set[str]) -> None:
        outputs = list(tensors_in(node.get("outputs")))
        own = node.get("name")
        name = own if isinstance(own, str) else (outputs[0] if outputs else f"node{index}")
        path = str(node.get("target", "")).split(".")
        operation = path[-2] if path[-3:-2] == ["aten"] else path[-1]
        frozen = [self._weights[each].rpartition(".")[2] for each in taken if each in self._frozen]
        notes = [f"no gradient to {' and '.join(frozen)}"] if frozen else []
        if outputs and read.isdisjoint(outputs):
            notes.append("nothing reads it")
        shape = self._shape(outputs[0]) if outputs else None
        self._found.add([Vertex(name, _scope(node), name, operation, shape, ", ".join(notes))])
        self._connect(taken, name)
        self._makers |= dict.fromkeys(outputs, name)

    def _connect(self, taken: list[str], name: str) -> None:
        known = [each for each in dict.fromkeys(taken) if each in self._makers]
        self._found.edges += [Edge(self._makers[each], name, self._shape(each)) for each in known]

    def _shape(self, name: str) -> Shape:
        sizes = at(self._values, name).get("sizes")
        if not isinstance(sizes, list):
            return None
        known = (each.get("as_int") if isinstance(each, dict) else None for each in sizes)
        return tuple(each if isinstance(each, int) else -1 for each in known)


def _taken(node: Json) -> list[str]:
    return [name for each in dicts_in(node.get("inputs")) for name in tensors_in([each.get("arg")])]


def _scope(node: Json) -> Scope:
    return tuple(each for each in module_of(node)[0].split(".", MOST_DEPTH) if each)
