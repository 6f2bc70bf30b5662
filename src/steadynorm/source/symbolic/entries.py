"""What is run of a module besides its lines: whatever no module has come to.

A function that nobody in the project calls is run with its parameters unknown, and a class that nobody makes an
object of is made one of and has its methods run: libraries consist of such. Methods of objects that a framework
calls by itself (`training_step`, `call`) are run after the run that made the object.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping

from steadynorm.place import Place
from steadynorm.source.symbolic.containers import layers_of
from steadynorm.source.symbolic.flow import inside
from steadynorm.source.symbolic.functions import run_free
from steadynorm.source.symbolic.machine import Activation, Arguments, Machine, spot_of
from steadynorm.source.symbolic.modules import Module
from steadynorm.source.symbolic.objects import make_ready, method_called
from steadynorm.source.symbolic.ready import setters
from steadynorm.source.symbolic.scope import Scope
from steadynorm.source.symbolic.trace import Call, Callback, Run
from steadynorm.source.symbolic.values import (
    Bound,
    Class,
    External,
    Function,
    Instance,
    Items,
    Known,
    Partial,
    Product,
    Table,
    Unknown,
    Value,
    Wrapped,
    options_of,
    unwrapped,
)
from steadynorm.source.symbolic.vocabulary import CALL_METHODS, CALLED_ALONE, READY_METHODS

_DUNDER = "__"
_SESSIONS = ("tensorflow.Session", "tensorflow.InteractiveSession")
_WORD = re.compile(r"\w+")
_TRAINING = (".backward(", ".eval(", ".no_grad(")
"""What a function or class does that trains a model and asks it, so that each of its calls counts."""


def run_entries(machine: Machine, scripts: Iterable[Run], modules: Iterable[Module]) -> None:
    """Runs the entry points of modules that were run from their first line.

    Arguments:
        machine: the machine.
        scripts: the runs whose objects' methods a framework calls.
        modules: those whose functions and classes are run where no run has come to them.
    """
    for run in scripts:
        _run_methods(machine, run)
    for module in sorted(modules, key=lambda module: module in machine.memory.imported):
        _run_rest(machine, module, machine.scopes[module])


def _run_methods(machine: Machine, run: Run) -> None:
    """Methods that a framework calls, on the objects of a run, as a continuation of it."""
    for instance in run.instances:
        if instance.of.external_bases():
            _continue(machine, run, instance)
    module = next((each for each in machine.project.modules if each.path == run.file), None)
    if module is not None:
        with machine.continued(run, module):
            _run_registered(machine, module)
        with machine.continued(run, module):
            _run_on_session(machine, module)
        with machine.continued(run, module):
            _run_sequences(machine)


def _run_registered(machine: Machine, module: Module) -> None:
    """Functions that a decorator hands to an object, as `@app.route("/predict")` does: it calls them one day."""
    for name, value in list(machine.scopes[module].names.items()):
        function = _function(value)
        by = value.by if isinstance(value, Wrapped) else None
        if function is None or spot_of(function) in machine.memory.seen or function.module is not module:
            continue
        if isinstance(by, Product) and by.call.name.startswith("."):
            with machine.journal.undone(), machine.inside(Callback(by.call, name)):
                run_free(machine, value, None, _from_outside(module, function))


def _run_on_session(machine: Machine, module: Module) -> None:
    """Functions that nobody in the project calls and that run a session of the module's: whoever imports it does."""
    names = machine.scopes[module].names
    sessions = [name for name, value in names.items() if isinstance(value, Product) and value.call.name in _SESSIONS]
    for name, value in list(names.items()) if sessions else ():
        function = _function(value)
        if function is None or spot_of(function) in machine.memory.seen or function.module is not module:
            continue
        if any(f"{each}.run(" in _text(function) for each in sessions):
            with machine.journal.undone(), machine.inside(Callback(None, name)):
                run_free(machine, value, None, _from_outside(module, function))


def _forget(machine: Machine, instance: Instance) -> None:
    """Takes constants for unknown that methods change: nobody knows which of them was called before."""
    for name in _changed(machine, instance.of):
        if isinstance(instance.attributes.get(name), Known):
            machine.journal.put(instance.attributes, name, Unknown())


def _changed(machine: Machine, cls: Class) -> frozenset[str]:
    """The attributes that methods set, `__init__` left out."""
    known = machine.changed.get(cls)
    if known is None:
        members = {name: member for each in reversed(cls.lineage()) for name, member in each.members.items()}
        functions = [_function(member) for name, member in members.items() if name != "__init__"]
        nodes = (node for each in functions if each is not None for node in ast.walk(each.node))
        known = frozenset(
            node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        )
        machine.changed[cls] = known
    return known


def _make_ready(machine: Machine, instance: Instance) -> None:
    name = method_called(instance.of, READY_METHODS)
    if name is not None and instance.of.member(name) is not None:
        with machine.inside(Callback(None, name)):
            make_ready(machine, instance, _from_outside(instance.of.module, instance.of))


def _run_sequences(machine: Machine) -> None:
    """Layers one after the other that nobody in the project calls, the outermost ones first."""
    run = machine.run
    made = [call.result for call in run.calls() if call.name in CALLED_ALONE]
    called: set[int] = set()
    looked = 0
    for value in reversed(made):
        called.update(id(event.callee) for event in run.events[looked:] if type(event) is Call)
        looked = len(run.events)
        if isinstance(value, Product) and id(value) not in called:
            with machine.journal.undone(), machine.inside(Callback(None, "call")):
                machine.call(value, Arguments((Unknown(),), {}, True, value.call.place))


def _continue(machine: Machine, run: Run, instance: Instance) -> None:
    if all(_was_run(machine, method) for _, method in _methods(instance.of)):
        return
    with machine.continued(run, instance.of.module):
        _continue_in(machine, instance)


def _continue_in(machine: Machine, instance: Instance) -> None:
    """Runs the methods of an object that no run has come to, each as if it were the first."""
    methods = [(name, method) for name, method in _methods(instance.of) if not _was_run(machine, method)]
    with machine.journal.undone():
        _make_ready(machine, instance)
        _forget(machine, instance)
        for name, method in methods:
            if _was_run(machine, method):
                continue
            with machine.journal.undone(), machine.inside(Callback(None, name)):
                run_free(machine, Bound(method, instance), instance, _from_outside(instance.of.module, method))


def _run_rest(machine: Machine, module: Module, scope: Scope) -> None:
    """Functions and classes of a module that no run has come to.

    The last ones come first, as the modules that nobody imports do: callers mostly stand behind what they call, and
    what they come to is known better from there.
    """
    entries = [(value, value if isinstance(value, Class) else _function(value)) for value in scope.names.values()]
    texts = {entry: _text(entry) for _, entry in entries if entry is not None and entry.module is module}
    about = {entry for _, entry in entries if entry is not None and _concerns(machine, entry)}
    layers = {name for name, value in scope.names.items() if _makes_layers(module, name, value)}
    wanted = _wanted(texts, about, layers) | _putting_together(texts, about) | _driving(texts, about)
    for value, entry in reversed(entries):
        if entry is None or entry not in wanted:
            continue
        if isinstance(entry, Class):
            if not _is_seen(machine, entry):
                _run_class(machine, entry)
        elif spot_of(entry) not in machine.memory.seen:
            _run_function(machine, value, entry)


def _concerns(machine: Machine, entry: Function | Class) -> bool:
    """Whether a function or class is about the subject by its own text; many modules ask it of what they import."""
    known = machine.concerning.get(entry.node)
    if known is None:
        known = machine.concerning[entry.node] = entry.module.file.concern.has(_text(entry))
    return known


def _makes_layers(module: Module, name: str, value: Value) -> bool:
    """Whether a name of a module stands for a layer with its options, as `Norm = partial(nn.BatchNorm2d, eps=1e-3)`."""
    while isinstance(value, Partial):
        value = value.function
    return isinstance(value, External) and len(name) > 1 and module.file.concern.has(value.name)


def _wanted(
    texts: Mapping[Function | Class, str], about: set[Function | Class], layers: set[str]
) -> set[Function | Class]:
    """What is about the subject by its own text, and the classes whose text names one of them, or such layers."""
    wanted = about & texts.keys()
    names = [re.escape(name) for name in (*(entry.name for entry in wanted), *layers)]
    named = re.compile(rf"\b(?:{'|'.join(names)})\b") if names else None
    return wanted | {
        entry for entry, text in texts.items() if isinstance(entry, Class) and named is not None and named.search(text)
    }


def _putting_together(texts: Mapping[Function | Class, str], about: set[Function | Class]) -> set[Function | Class]:
    """Functions that name two things about the subject, as one that makes a model and hands it to its training does."""
    names = {entry.name for entry in about}
    return {
        entry for entry, text in texts.items() if isinstance(entry, Function) and _names_two(text, names - {entry.name})
    }


def _driving(texts: Mapping[Function | Class, str], about: set[Function | Class]) -> set[Function | Class]:
    """Functions that make an object of such a class and use it in a block, as a training does in its loop or session.

    They need not name the subject, nor anything else about it.
    """
    names = [re.escape(entry.name) for entry in about if isinstance(entry, Class)]
    made = re.compile(rf"^([ \t]+)(\w+) = (?:{'|'.join(names)})\(", re.MULTILINE) if names else None
    return {
        entry
        for entry, text in texts.items()
        if made is not None and isinstance(entry, Function) and _uses_made(text, made)
    }


def _uses_made(text: str, made: re.Pattern[str]) -> bool:
    """Whether a method or part of an object is used in lines that stand deeper than the one that makes it."""
    found = made.search(text)
    used = None if found is None else re.compile(rf"^{found[1]}[ \t]+.*\b{found[2]}\.\w", re.MULTILINE)
    return found is not None and used is not None and used.search(text, found.end()) is not None


def _names_two(text: str, names: set[str]) -> bool:
    # Most texts have no two of them in them, and need not be taken apart into words.
    return sum(name in text for name in names) > 1 and len(names.intersection(_WORD.findall(text))) > 1


def _text(entry: Function | Class) -> str:
    lines, node = entry.module.file.lines, entry.node
    return entry.module.file.text[lines.offset(node.lineno, 0) : lines.end(node.end_lineno or node.lineno)]


def _is_seen(machine: Machine, cls: Class) -> bool:
    methods = [method for _, method in _methods(cls)]
    init = cls.member("__init__")
    # An object that is there for what it makes is made, and nothing else is done with it.
    return all(_was_run(machine, method) for method in methods or ([] if init is None else [init]))


def _run_function(machine: Machine, value: Value, function: Function) -> None:
    run = Run("function", function.name, function.module.path)
    machine.thorough = _is_training(function)
    with machine.separate(run):
        machine.activations.append(Activation(None, function.module))
        with machine.journal.undone():
            result = run_free(machine, value, None, _from_outside(function.module, function))
            for each in options_of(result):
                # What a factory gives is what its callers call.
                inner = _function(each)
                if inner is not None and spot_of(inner) not in machine.memory.seen:
                    run_free(machine, each, None, _from_outside(function.module, inner))
            _run_fitted(machine, run)
            _run_sequences(machine)
            _keep(run)
    machine.thorough = False


def _run_fitted(machine: Machine, run: Run) -> None:
    """Methods that a framework calls on the objects which a function makes and has it train."""
    fitted = {id(call.receiver) for call in run.calls() if call.name == ".fit"}
    for instance in [each for each in run.instances if id(each) in fitted and each.of.external_bases()]:
        _continue_in(machine, instance)


def _is_training(entry: Function | Class) -> bool:
    text = _text(entry)
    return any(word in text for word in _TRAINING)


def _run_class(machine: Machine, cls: Class) -> None:
    run = Run("class", cls.name, cls.module.path)
    machine.thorough = any(map(_is_training, cls.lineage()))
    with machine.separate(run):
        machine.activations.append(Activation(None, cls.module))
        with machine.journal.undone():
            instance = Instance(cls, {})
            run.instances.append(instance)
            init = cls.member("__init__")
            outside = _from_outside(cls.module, cls)
            if init is not None:
                with machine.inside(Callback(None, "__init__")):
                    run_free(machine, Bound(init, instance), instance, outside)
            _make_ready(machine, instance)
            first, before = method_called(cls, CALL_METHODS), setters(instance)
            methods = sorted(_methods(cls), key=lambda pair: pair[0] != first)
            for name, method in methods:
                if name in before:
                    with machine.inside(Callback(None, name)):
                        run_free(machine, Bound(method, instance), instance, outside)
            for name, method in methods:
                if name in before or (_was_run(machine, method) and method not in cls.members.values()):
                    continue
                with machine.journal.undone(), machine.inside(Callback(None, name)):
                    run_free(machine, Bound(method, instance), instance, outside)
            _run_sequences(machine)
            _keep(run)
    machine.thorough = False


def _keep(run: Run) -> None:
    """Keeps the objects of a run as they are now, whatever is undone of the names around them."""
    for instance in run.instances:
        instance.attributes = dict(instance.attributes)
        pending = list(inside(*instance.attributes.values()))
        seen = set(map(id, pending))
        for value in pending:
            if type(value) is Items:
                value.cell = dict(value.cell)
            elif type(value) is Table:
                value.entries = dict(value.entries)
            elif type(value) is Product:
                value.call.added = dict(value.call.added)
                pending += [each for each in inside(*layers_of(value.call)) if id(each) not in seen]
                seen.update(map(id, pending))


def _methods(cls: Class) -> list[tuple[str, Value]]:
    """Its methods, those of its bases in the project among them; of the special ones only the call."""
    found: dict[str, Value] = {}
    for each in cls.lineage():
        for name, member in each.members.items():
            if _function(member) is not None and (name == "__call__" or not name.startswith(_DUNDER)):
                found.setdefault(name, member)
    return list(found.items())


def _function(value: Value) -> Function | None:
    """The function of the project inside whatever it is wrapped in."""
    inner = unwrapped(value)
    return inner if type(inner) is Function else None


def _was_run(machine: Machine, value: Value) -> bool:
    function = _function(value)
    return function is not None and spot_of(function) in machine.memory.seen


def _from_outside(module: Module, value: Value) -> Arguments:
    function = value if isinstance(value, Class) else _function(value)
    line = function.node.lineno if function is not None else 1
    return Arguments((), {}, True, Place(module.path, line))
