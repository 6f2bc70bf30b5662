"""What flows where in a graph of operations: from some tensors on, to some tensors, and inside of branches."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

_BRANCHING = ("Switch", "RefSwitch")
_JOINING = ("Merge", "RefMerge")
_LOOPING = ("Enter", "RefEnter")
_LEAVING = ("Exit", "RefExit")


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
    depths: dict[Any, float] = {}
    for operation in upstream(ends, controls=True):
        before = [*(each.op for each in operation.inputs), *operation.control_inputs]
        depth = max((depths.get(each, 0.0) for each in before), default=0.0)
        if operation.type in _BRANCHING:
            depth += 1
        elif operation.type in _JOINING:
            depth = max(depth - 1, 0.0)
        elif operation.type in _LOOPING:
            depth = float("inf")
        elif operation.type in _LEAVING:
            depth = 0.0
        depths[operation] = depth
    return [each for each in upstream(ends) if not depths[each]]
