"""Calls of Keras models in a run: what they are for, and the mode that they give to the layers inside."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from steadynorm.source.defaults import Defaults
from steadynorm.source.keras.freezing import is_for_norms, model_of_layer
from steadynorm.source.keras.variables import VARIABLES, variables_in
from steadynorm.source.layers.models import FUNCTIONAL, is_pretrained, is_ready_made, name_of_model, norms_in
from steadynorm.source.layers.words import NORMALIZATIONS
from steadynorm.source.symbolic.flow import Uses, behind, inputs, inside, parts, walk
from steadynorm.source.symbolic.trace import Assign, Branch, Call, Callback, Frame, Run, With
from steadynorm.source.symbolic.values import (
    Attribute,
    Function,
    Instance,
    Known,
    Product,
    Value,
    Wrapped,
)
from steadynorm.source.symbolic.vocabulary import SEQUENCES
from steadynorm.source.tensorflow.reach import Reach
from steadynorm.source.tensorflow.runs import steps_of

MODES = ("training", "is_training", "train", "is_train", "training_mode", "phase_train")
"""What parameters that hold the mode are called."""

PHASE = ("keras.backend.set_learning_phase", "keras.set_learning_phase")
TAPE = "tensorflow.GradientTape"
_FITS = (".fit", ".fit_generator", ".train_on_batch")
PREDICTIONS = (".predict", ".evaluate", ".predict_on_batch", ".predict_generator", ".evaluate_generator")
"""Methods that run a model by Keras's own loop, and train nothing."""

_BASES = "keras."
_KERAS_3 = ("keras.ops.", "keras.random.", "keras.distribution.", "keras.export.", "keras.config.")
_BACKEND = "KERAS_BACKEND"


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A call of a model, or of a layer on its own, from outside of any model.

    Arguments:
        call: the call.
        model: what is called.
        norms: the calls that made the normalization layers inside.
        training: the mode that it is given; `None` if it is left out.
        purpose: `training` under a gradient of the model's variables, `other_training` under one of other variables,
            `test` in a method that Keras calls for evaluation or prediction, `unknown` under a gradient of which it
            is not known what it is for, as the input of the model, and in a graph whose train step takes what it
            gives, `plain` elsewhere.
    """

    call: Call
    model: Value
    norms: tuple[Call, ...]
    training: Value | None
    purpose: str

    @property
    def mode(self) -> Value | None:
        """The mode that it runs in: what it is given, else the default of the model's own `call`; `None` without."""
        return self.training if self.training is not None else default_mode(self.model)


@dataclass(eq=False)
class KerasRun:
    """What a run does with Keras models.

    Arguments:
        run: the run.
        defaults: of the options of the command line.
    """

    run: Run
    defaults: Defaults = field(default_factory=lambda: Defaults(()))
    _norms: dict[int, tuple[Call, ...]] = field(default_factory=dict)

    @cached_property
    def uses(self) -> Uses:
        """Who takes what."""
        return Uses(self.run)

    @cached_property
    def is_keras_3(self) -> bool:
        """Whether the program can only run with Keras 3."""
        for event in self.run.events:
            if isinstance(event, Call) and (event.name.startswith(_KERAS_3) or _sets_backend(event)):
                return True
            if isinstance(event, Assign) and event.name == f"[{_BACKEND}]":
                return True
        return False

    def norms(self, model: Value | None) -> tuple[Call, ...]:
        """The calls that made the normalization layers inside a model."""
        if model is None:
            return ()
        if id(model) not in self._norms:
            self._norms[id(model)] = norms_in(self.resolved(model))
        return self._norms[id(model)]

    def resolved(self, model: Value) -> Value:
        """The model itself; `self.model` of a callback is the one that is fitted with it."""
        if isinstance(model, Attribute) and model.name == "model":
            return self._of_callbacks.get(id(model.of), model)
        return model

    def name_of(self, model: Value | None) -> str:
        """What a model's author calls it: its class, the name it has in the program, or what made it."""
        named = self.run.named.get(model) if isinstance(model, Product) else None
        return named or name_of_model(model)

    def name_at(self, call: Call, model: Value | None) -> str:
        """What a model is called where it is called; what its author calls it elsewhere, where that is no name."""
        written = "" if call.node is None else ast.unparse(call.node.func)
        written = written.removesuffix(".__call__").removesuffix(".call")
        is_name = all(part.isidentifier() for part in written.split("."))
        return written if is_name and written not in ("self", "super") else self.name_of(model)

    @cached_property
    def fits(self) -> tuple[Call, ...]:
        """The calls that train a model by Keras's own loop."""
        return tuple(call for call in self.run.calls() if call.name in _FITS and call.receiver is not None)

    @cached_property
    def _of_callbacks(self) -> Mapping[int, Value]:
        found: dict[int, Value] = {}
        for call in self.fits:
            given = call.keywords.get("callbacks")
            for value in inside(*(() if given is None else (given,))):
                if isinstance(value, Instance) and call.receiver is not None:
                    found[id(value)] = call.receiver
        return found

    @cached_property
    def model_calls(self) -> tuple[ModelCall, ...]:
        """The calls of models with normalization layers on data, outermost ones only."""
        return tuple(self._found())

    def _found(self) -> Iterator[ModelCall]:
        for call in self.run.calls():
            model = called_model(call)
            if model is None or is_inside(call) or self.is_symbolic(call):
                continue
            norms = self.norms(model)
            if norms:
                purpose = self.purpose(call, norms)
                if purpose == "plain" and self._goes_backward(call):
                    purpose = "training"
                yield ModelCall(call, self.resolved(model), norms, mode_given(call), purpose)

    def _goes_backward(self, call: Call) -> bool:
        """Whether PyTorch computes gradients from a result, as it may where it is Keras's backend."""
        return call.result is not None and any(each.name == ".backward" for each in self.uses.after(call.result))

    def is_symbolic(self, call: Call) -> bool:
        """Whether a call is given the input of a functional model, or what was made of it."""

        def before(value: Value) -> tuple[Value, ...]:
            if not isinstance(value, Product):
                return parts(value)
            # A layer's own options are no data.
            return tuple(each for each in inputs(value.call) if each is not value.call.callee)

        made = walk((*call.arguments, *call.keywords.values()), before)
        return any(isinstance(value, Product) and value.call.name == "keras.layers.Input" for value in made)

    def purpose(self, call: Call, norms: tuple[Call, ...]) -> str:
        """What a call of a model is for."""
        tapes = [block.context for block in call.within if isinstance(block, With) and _is_tape(block.context)]
        if tapes:
            trained = [self.trained_by(tape) for tape in tapes if isinstance(tape, Product)]
            known = [set(each) for each in trained if each is not None]
            if any(each & set(norms) for each in known):
                return "training"
            return "other_training" if len(known) == len(trained) else "unknown"
        minimized = self._minimized(call)
        if minimized is not None:
            return "training" if set(minimized) & set(norms) else "other_training"
        if call.index in self._trained_in_graphs:
            return "unknown"
        method = method_of_framework(call)
        if method in ("test_step", "predict_step") or method.startswith("on_"):
            return "test"
        return "plain"

    @cached_property
    def _trained_in_graphs(self) -> frozenset[int]:
        """The calls, by their positions, that the train steps of graphs differentiate."""
        reach = Reach(self.run)
        reached = [step.data for step in steps_of(self.run, reach)]
        reached += [reach.of(*inputs(call), data=True) for call in self.run.calls() if call.name == ".get_updates"]
        found: set[int] = set()
        for each in reached:
            if not any(call.name == TAPE for call in each.calls.values()):
                found.update(each.calls)
        return frozenset(found)

    def _minimized(self, call: Call) -> tuple[Call, ...] | None:
        """The layers that an optimizer trains by a loss function that a call is made in; `None` if it is in none."""
        for block in call.within:
            if isinstance(block, Callback) and block.call is not None and block.call.name == ".minimize":
                variables = block.call.argument(1, "var_list")
                lists = inside(*(() if variables is None else (variables,)), *block.call.callbacks.values())
                return tuple(norm for each in lists if isinstance(each, Attribute) for norm in self.norms(each.of))
        return None

    def trained_by(self, tape: Product) -> tuple[Call, ...] | None:
        """The normalization layers whose variables a tape's gradients are for; `None` where that is not known."""
        found: list[Call] = []
        sources = [call.argument(1, "sources") for call in self.uses.of(tape) if call.name == ".gradient"]
        if not sources:
            return None
        for value in inside(*(each for each in sources if each is not None)):
            if isinstance(value, Attribute) and value.name in VARIABLES:
                found.extend(self.norms(value.of))
        known = all(each is not None and self._is_known(each) for each in sources)
        return tuple(found) if known else None

    def _is_known(self, value: Value) -> bool:
        """Whether a gradient's sources are variables of models that are known."""
        return any(isinstance(each, Attribute) and each.name in VARIABLES for each in inside(value))

    @cached_property
    def told_where_built(self) -> frozenset[Call]:
        """The calls that made the layers which a functional model is built with in a mode that is written there."""
        found: set[Call] = set()
        for call in self.run.calls():
            part = called_model(call)
            if part is not None and mode_given(call) is not None and self.is_symbolic(call):
                found.update(self.norms(part))
        return frozenset(found)

    def trains(self, norms: tuple[Call, ...]) -> bool:
        """Whether the run trains layers."""
        wanted = set(norms)
        if any(wanted & set(self.norms(call.receiver)) for call in self.fits):
            return True
        return any(each.purpose == "training" and wanted & set(each.norms) for each in self.model_calls)

    def is_frozen(self, norms: tuple[Call, ...], at: Call | None = None) -> bool:
        """Whether some of the layers are frozen by `trainable = False`, or made so.

        Arguments:
            norms: the calls that made the layers.
            at: a call, if those count as thawed that are trainable again when it is made.
        """
        wanted = set(norms)
        frozen = any(made.keywords.get("trainable") == Known(False) for made in norms)
        for event in self.run.assigns():
            if event.name != "trainable":
                continue
            if event.value == Known(False) and is_for_norms(event) is not False:
                frozen = frozen or bool(wanted & {*self.norms(event.target), *self.norms(model_of_layer(event.target))})
            elif frozen and at is not None and event.index < at.index and self._thaws(event, at, wanted):
                frozen = False
        return frozen

    def _thaws(self, event: Assign, at: Call, wanted: set[Call]) -> bool:
        """Whether all of some layers are trainable again from an assignment on, on the way to a call."""
        if event.value != Known(True) or not wanted <= set(self.norms(event.target)):
            return False
        return all(block in at.within for block in event.within if isinstance(block, Branch))

    def is_assigned(self, norms: tuple[Call, ...]) -> bool:
        """Whether variables of a model with some of the layers are set one by one, as those of a target network."""
        wanted = set(norms)
        assigns = (call for call in self.run.calls() if call.name == ".assign" and call.receiver is not None)
        targets = (each for call in assigns for each in variables_in(call.receiver))
        return any(wanted & set(self.norms(each.model)) for each in targets)

    def is_filled(self, norms: tuple[Call, ...], before: int | None = None) -> bool:
        """Whether weights are loaded into a model that has some of the layers, or come with all of them."""
        wanted = set(norms)
        if norms and all(is_pretrained(made) for made in norms):
            return True
        for call in self.run.calls():
            if before is not None and call.index > before:
                break
            if call.name in (".load_weights", ".set_weights", ".restore", ".read", ".load_state_dict"):
                for value in behind(*(() if call.receiver is None else (call.receiver,))):
                    if wanted & set(self.norms(value)):
                        return True
        return False


def called_model(call: Call) -> Value | None:
    """The Keras model or layer that a call calls; `None` if it is something else."""
    callee = call.callee
    if isinstance(callee, Instance):
        return callee if any(base.startswith(_BASES) for base in callee.of.external_bases()) else None
    if isinstance(callee, Product):
        name = callee.call.name
        made = name in NORMALIZATIONS or name in FUNCTIONAL or is_ready_made(callee.call)
        return callee if made or (name in SEQUENCES and name.startswith(_BASES)) else None
    if isinstance(callee, Attribute) and callee.name == "model" and isinstance(callee.of, Instance):
        return callee
    return None


def is_inside(call: Call) -> bool:
    """Whether a call is made by a Keras layer or model, or by a sequence of layers."""
    for block in call.within:
        if isinstance(block, Frame) and block.function.name.rpartition(".")[2] in ("call", "__call__", "build"):
            receiver = block.receiver
            if isinstance(receiver, Instance) and any(b.startswith(_BASES) for b in receiver.of.external_bases()):
                return True
        if isinstance(block, With) and isinstance(block.context, Product | Instance) and _is_sequence(block.context):
            return True
    return False


def _is_sequence(value: Product | Instance) -> bool:
    if isinstance(value, Instance):
        return bool(set(value.of.external_bases()) & SEQUENCES)
    return value.call.name in SEQUENCES


def _is_tape(value: Value) -> bool:
    return isinstance(value, Product) and value.call.name == TAPE


def mode_given(call: Call) -> Value | None:
    """The mode that a call of a layer or model is given; `None` if it is left out or given as `None`."""
    position: int | None = 1
    if isinstance(call.callee, Instance):
        parameters = parameters_of(call.callee)
        position = parameters.index("training") - 1 if "training" in parameters else None
    given = call.argument(position, "training")
    return None if given == Known(None) else given


def parameters_of(instance: Instance) -> tuple[str, ...]:
    """The names of the parameters of an object's `call`, `self` among them."""
    function = call_of(instance)
    if function is None:
        return ()
    spec = function.node.args
    return tuple(each.arg for each in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs))


def call_of(instance: Instance) -> Function | None:
    """The `call` of an object's class."""
    member = instance.of.member("call")
    while isinstance(member, Wrapped):
        member = member.function
    return member if isinstance(member, Function) else None


def default_mode(model: Value) -> Value | None:
    """The mode that a model takes where it is called without one; `None` without a default."""
    function = call_of(model) if isinstance(model, Instance) else None
    default = None if function is None else function.defaults.get("training")
    return None if default == Known(None) else default


def method_of_framework(call: Call) -> str:
    """The method of a Keras object that Keras calls and this is a part of; "" if there is none."""
    for block in call.within:
        if isinstance(block, Callback) and block.call is None and isinstance(block.argument, str):
            return block.argument
    return ""


def _sets_backend(call: Call) -> bool:
    return call.name == "os.environ.setdefault" and call.argument(0) == Known(_BACKEND)
