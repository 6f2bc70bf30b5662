"""What flows where in a graph of operations: from some tensors on, to some tensors, and inside of branches."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

_BRANCHING = ("Switch", "RefSwitch")
_JOINING = ("Merge", "RefMerge")
_LOOPING = ("Enter", "RefEnter")
_LEAVING = ("Exit", "RefExit")

_ALWAYS: frozenset[Any] = frozenset()
_LOOPED = "a loop"


def upstream(tensors: Iterable[Any], cut: Collection[Any] = (), *, controls: bool = False) -> list[Any]:
    """The operations that tensors are computed by, each behind those that it reads.

    Arguments:
        tensors: where the walk begins.
        cut: tensors at which it turns back.
        controls: whether it also follows what only has to run before.
    """
    ends = {each.name for each in cut}
    seen: set[Any] = set()
    found: list[Any] = []
    waiting = [(each.op, False) for each in tensors if each.name not in ends]
    while waiting:
        operation, is_done = waiting.pop()
        if is_done:
            found.append(operation)
        elif operation not in seen:
            seen.add(operation)
            waiting.append((operation, True))
            waiting += [(each.op, False) for each in reversed(operation.inputs) if each.name not in ends]
            waiting += [(each, False) for each in operation.control_inputs if controls]
    return found


def downstream(tensors: Iterable[Any]) -> set[Any]:
    """The operations that some tensors are read by, directly or not."""
    found: set[Any] = set()
    waiting = [each for tensor in tensors for each in tensor.consumers()]
    while waiting:
        operation = waiting.pop()
        if operation not in found:
            found.add(operation)
            waiting += [each for tensor in operation.outputs for each in tensor.consumers()]
    return found


def in_loops(graph: Any) -> set[str]:
    """Names of the operations inside of loops."""
    found: set[str] = set()
    waiting = [each for each in graph.get_operations() if each.type in _LOOPING]
    while waiting:
        operation = waiting.pop()
        if operation.name not in found and operation.type not in _LEAVING:
            found.add(operation.name)
            waiting += [each for tensor in operation.outputs for each in tensor.consumers()]
    return found


def always_run(tensors: Iterable[Any]) -> list[Any]:
    """The operations that tensors are computed by, without those in branches and loops.

    What these give can be fetched and fed. Each stands behind those that it reads.
    """
    ends = list(tensors)
    only_if: dict[Any, frozenset[Any]] = {}
    for operation in upstream(ends, controls=True):
        read = [only_if[each.op] | _side(each) for each in operation.inputs if each.op in only_if]
        if operation.type in _JOINING:
            conditions = read[0].intersection(*read[1:]) if read else _ALWAYS
        else:
            conditions = _ALWAYS.union(*read)
        if operation.type in _LOOPING:
            conditions |= {_LOOPED}
        elif operation.type in _LEAVING:
            conditions -= {_LOOPED}
        only_if[operation] = conditions.union(*(only_if.get(each, _ALWAYS) for each in operation.control_inputs))
    return [each for each in upstream(ends) if not only_if[each]]


def _side(tensor: Any) -> frozenset[Any]:
    """The condition and the side on which a branch begins with a tensor; nothing for any other one."""
    if tensor.op.type not in _BRANCHING:
        return _ALWAYS
    condition = tensor.op.inputs[1]
    while condition.op.type == "Identity":
        condition = condition.op.inputs[0]
    return frozenset([(condition.name, tensor.value_index)])
