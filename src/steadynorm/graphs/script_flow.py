"""Follows a TorchScript program through its code and writes down what it does, without running any of it.

Tensors become the names of the steps that make them, constants stay what they are, and a flag such as
`self.training` stays a flag: both sides of an `if` are followed.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from steadynorm.graphs.script_code import ScriptCode
from steadynorm.graphs.torch_flow import Normalization, Step, Switch, layer_name

MOST_EVALUATIONS = 1_000_000
MOST_DEPTH = 40
MOST_READ = 256
"""Steps that one step reads; a concatenation of more is read in part."""

_ABOUT_SHAPES = {"dim", "size", "len", "numel", "is_floating_point", "dtype", "format", "RaiseException", "warn"}
"""Operations that tell something about a tensor, and make none."""


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the saved model.

    Arguments:
        path: where it is, as `layer1.0.bn1`.
        kind: its class in the archive, by its full name.
        attributes: what it has: modules, weights and plain values.
    """

    path: str
    kind: str
    attributes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Weight:
    """A tensor of the archive, with its shape and type."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Result:
    """What one or several steps make: a tensor, or a list of them."""

    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A name that is called: of an operation, or of a function in the archive."""

    name: str


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a module."""

    module: Module
    name: str


class _Unknown:
    """A value that was not followed."""


UNKNOWN = _Unknown()
Names: TypeAlias = dict[str, object]


@dataclass(slots=True)
class Program:
    """What a program does.

    Arguments:
        steps: in the order of the code.
        outputs: the steps whose results it returns.
        complete: whether all of it was followed.
    """

    steps: list[Step] = field(default_factory=list)
    outputs: tuple[str, ...] = ()
    complete: bool = True


def follow(root: Module, code: ScriptCode, constants: Mapping[str, object]) -> Program:
    """Follows `forward` of a saved model.

    Arguments:
        root: the model.
        code: the archive's code.
        constants: tensors that the code names as `CONSTANTS.c0`, by that last name.
    """
    follower = _Follower(code, constants)
    try:
        returned = follower.call_method(Method(root, "forward"), [], {}, 0)
        follower.program.outputs = _steps_of(returned)
    except RecursionError:
        follower.program.complete = False
    return follower.program


class _Follower:
    def __init__(self, code: ScriptCode, constants: Mapping[str, object]) -> None:
        self._code = code
        self._constants = constants
        self._evaluations = 0
        self._places: list[Module] = []
        self.program = Program()

    # Functions and statements

    def call_method(self, method: Method, given: list[object], named: Names, depth: int) -> object:
        found = self._code.class_of(method.module.kind)
        function = None if found is None else found.methods.get(method.name)
        if function is None or depth > MOST_DEPTH:
            return self._unfollowed([*given, *named.values()])
        self._places.append(method.module)
        returned = self._call(function, [method.module, *given], named, depth)
        self._places.pop()
        return returned

    def _call(self, function: ast.FunctionDef, given: list[object], named: Names, depth: int) -> object:
        parameters = [each.arg for each in function.args.args]
        defaults = function.args.defaults
        names: Names = dict.fromkeys(parameters, UNKNOWN)
        for name, default in zip(parameters[len(parameters) - len(defaults) :], defaults, strict=True):
            names[name] = self._value(default, names, depth)
        names.update(zip(parameters, given, strict=False))
        names.update((name, value) for name, value in named.items() if name in names)
        return self._body(function.body, names, depth)

    def _body(self, body: list[ast.stmt], names: Names, depth: int) -> object:
        for statement in body:
            if isinstance(statement, ast.Return):
                return None if statement.value is None else self._value(statement.value, names, depth)
            if isinstance(statement, ast.Assign):
                value = self._value(statement.value, names, depth)
                for target in statement.targets:
                    _assign(target, value, names)
            elif isinstance(statement, ast.Expr):
                self._value(statement.value, names, depth)
            elif isinstance(statement, ast.If):
                returned = self._if(statement, names, depth)
                if returned is not UNKNOWN:
                    return returned
            elif isinstance(statement, ast.For | ast.While):
                self._body(statement.body, names, depth)
        return UNKNOWN

    def _if(self, statement: ast.If, names: Names, depth: int) -> object:
        test = self._value(statement.test, names, depth)
        if isinstance(test, bool):
            return self._body(statement.body if test else statement.orelse, names, depth)
        self._evaluations += len(names)
        yes, no = dict(names), dict(names)
        returned = self._body(statement.body, yes, depth)
        other = self._body(statement.orelse, no, depth)
        for name in {*yes, *no}:
            names[name] = _merged(test, yes.get(name, UNKNOWN), no.get(name, UNKNOWN))
        return UNKNOWN if returned is UNKNOWN and other is UNKNOWN else _merged(test, returned, other)

    # Expressions

    def _value(self, node: ast.expr, names: Names, depth: int) -> object:
        self._evaluations += 1
        if self._evaluations > MOST_EVALUATIONS:
            self.program.complete = False
            return UNKNOWN
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return names[node.id] if node.id in names else Function(node.id)
        if isinstance(node, ast.Attribute):
            return self._attribute(self._value(node.value, names, depth), node.attr)
        if isinstance(node, ast.Call):
            return self._called(node, names, depth)
        if isinstance(node, ast.List | ast.Tuple):
            return [self._value(each, names, depth) for each in node.elts]
        if isinstance(node, ast.Subscript):
            value, at = self._value(node.value, names, depth), self._value(node.slice, names, depth)
            inside = isinstance(value, list) and isinstance(at, int) and -len(value) <= at < len(value)
            return value[at] if isinstance(value, list) and isinstance(at, int) and inside else value
        if isinstance(node, ast.UnaryOp):
            value = self._value(node.operand, names, depth)
            if isinstance(node.op, ast.USub) and isinstance(value, int | float):
                return -value
            return _opposite(value) if isinstance(node.op, ast.Not) else UNKNOWN
        return UNKNOWN

    def _attribute(self, value: object, name: str) -> object:
        if isinstance(value, Function):
            if value.name == "CONSTANTS":
                return self._constants.get(name, UNKNOWN)
            return Function(f"{value.name}.{name}")
        if not isinstance(value, Module):
            return UNKNOWN
        if name in value.attributes:
            found = value.attributes[name]
            if isinstance(found, bool) and "train" in name:
                return Switch(f"{value.path}.{name}".lstrip("."), found)
            return found
        kind = self._code.class_of(value.kind)
        if kind is not None and name in kind.constants:
            # Known when the program was made, and the same for ever.
            return self._value(kind.constants[name], {}, 0)
        return Method(value, name)

    def _called(self, node: ast.Call, names: Names, depth: int) -> object:
        called = self._value(node.func, names, depth)
        given = [self._value(each, names, depth) for each in node.args]
        named = {each.arg: self._value(each.value, names, depth) for each in node.keywords if each.arg is not None}
        if isinstance(called, Method):
            return self.call_method(called, given, named, depth + 1)
        if not isinstance(called, Function):
            return self._unfollowed([*given, *named.values()])
        if called.name == "getattr" and len(given) == 2 and isinstance(given[1], str):
            return self._attribute(given[0], given[1])
        if called.name in ("annotate", "unchecked_cast") and len(given) == 2:
            return given[1]
        if called.name in ("torch.__not__", "not") and given:
            return _opposite(given[0])
        function = self._code.function(called.name) if called.name.startswith("__torch__.") else None
        if function is not None and depth < MOST_DEPTH:
            return self._call(function, given, named, depth + 1)
        return self._operation(called.name, given, named)

    # Steps

    def _operation(self, name: str, given: list[object], named: Names) -> object:
        target = name.rpartition(".")[2]
        if target in ("append", "extend") and len(given) == 2 and isinstance(given[0], list):
            given[0].append(given[1])
            return given[0]
        values = [*given, *named.values()]
        reads = _steps_of(values)
        weights = [each for each in values if isinstance(each, Weight)]
        if target in _ABOUT_SHAPES:
            return UNKNOWN
        if weights and not reads and target != "batch_norm" and UNKNOWN not in values:
            return weights[0]  # a weight in another shape or type is still that weight
        step_name = f"{target}_{len(self.program.steps)}"
        norm = self._normalization(given, named, step_name) if target == "batch_norm" else None
        # Convolutions and linear layers take input, weight and bias in this order.
        bias = len(given) > 2 and isinstance(given[2], Weight) and norm is None
        self.program.steps.append(
            Step(step_name, target, reads, self._places[-1].path if self._places else "", bias, norm)
        )
        return Result((step_name,))

    def _normalization(self, given: list[object], named: Names, node: str) -> Normalization | None:
        """torch.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn)."""
        order = ("input", "weight", "bias", "running_mean", "running_var", "training", "momentum", "eps")
        values = {**dict(zip(order, given, strict=False)), **named}
        weights = {name: each for name in order[1:5] if isinstance(each := values.get(name), Weight)}
        training = values.get("training")
        place = self._places[-1] if self._places else None
        known = next((weights[name] for name in ("running_mean", "weight", "bias") if name in weights), None)
        kind = "" if place is None else place.kind.rpartition(".")[2]
        gamma, mean = _name_of(weights.get("weight")), _name_of(weights.get("running_mean"))
        return Normalization(
            layer=layer_name(mean, gamma, "" if place is None else place.path, node),
            kind=kind if "Norm" in kind else "batch_norm",
            gamma=gamma,
            beta=_name_of(weights.get("bias")),
            mean=mean,
            variance=_name_of(weights.get("running_var")),
            training=training if isinstance(training, bool | Switch) else None,
            momentum=_number(values.get("momentum")),
            epsilon=_number(values.get("eps")),
            channels=known.shape[0] if known is not None and len(known.shape) == 1 else 0,
            dtype="float32" if known is None else known.dtype,
        )

    def _unfollowed(self, values: list[object]) -> object:
        self.program.complete = False
        return Result(_steps_of(values))


def _assign(target: ast.expr, value: object, names: Names) -> None:
    if isinstance(target, ast.Name):
        names[target.id] = value
    elif isinstance(target, ast.Tuple | ast.List):
        parts = value if isinstance(value, list) and len(value) == len(target.elts) else [value] * len(target.elts)
        for each, part in zip(target.elts, parts, strict=True):
            _assign(each, part, names)


def _merged(test: object, yes: object, no: object) -> object:
    """A value behind an `if`, from its values on both sides."""
    if yes is no or (type(yes) is type(no) and isinstance(yes, str | int | float | Weight | Result) and yes == no):
        return yes
    if isinstance(test, Switch) and isinstance(yes, bool) and isinstance(no, bool):
        return test if yes else _opposite(test)
    if isinstance(yes, Result) or isinstance(no, Result):
        return Result(tuple(dict.fromkeys(_steps_of([yes, no]))))
    # F.batch_norm is handed its statistics on one side of an `if` and None on the other.
    return yes if no is None else no if yes is None else UNKNOWN


def _opposite(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, Switch):
        return Switch(value.name, value.default, not value.negated)
    return UNKNOWN


def _steps_of(value: object) -> tuple[str, ...]:
    """The steps whose results are in a value, in lists within lists too."""
    found: dict[str, None] = {}
    waiting, seen = [value], set()
    while waiting and len(found) < MOST_READ:
        each = waiting.pop()
        if isinstance(each, Result):
            found.update(dict.fromkeys(each.steps))
        elif isinstance(each, list) and id(each) not in seen:
            seen.add(id(each))
            waiting.extend(reversed(each))
    return tuple(found)


def _name_of(weight: Weight | None) -> str | None:
    return None if weight is None else weight.name


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
