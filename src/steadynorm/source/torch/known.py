"""What is known of a model and of what it gives: its name, whether it was loaded, whether its output is used."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from steadynorm.source.symbolic.flow import inside, parts
from steadynorm.source.symbolic.trace import Call, Frame, Run
from steadynorm.source.symbolic.values import Attribute, Function, Instance, Product, Value
from steadynorm.source.torch.models import Key
from steadynorm.source.torch.program import Group, TorchProgram
from steadynorm.source.torch.words import zoo_name

_LOADS = frozenset(
    {".load_state_dict", ".load_from_checkpoint", ".from_pretrained", ".load_weights", ".load_pretrained"}
)


def name_of(program: TorchProgram, key: Key) -> str:
    """What the author calls a model."""
    value = program.models.value(key)
    if value is None:
        return "the model"
    base = program.run.named.get(value)
    if base is None and isinstance(value, Instance):
        base = value.of.name
    elif base is None and isinstance(value, Product):
        base = zoo_name(value.call) or value.call.name.rpartition(".")[2] or "the model"
    return ".".join([base or "the model", *map(str, key[1:])]).replace(".[", "[")


def text_of(call: Call) -> str:
    """How a call is written."""
    text = "" if call.node is None else ast.unparse(call.node)
    return text if text and len(text) <= 60 else f"{call.name.removeprefix('.')}()"


def is_loaded(program: TorchProgram, key: Key, before: int) -> bool:
    """Whether trained weights were put into a model, before a position in the trace."""
    models = program.models
    if models.is_loaded(key):
        return True
    value = models.value(key)
    if isinstance(value, Instance) and value.created is not None and value.created.name in _LOADS:
        return True
    earlier = () if program.before is None else program.before.run.calls()
    for call in (*earlier, *(each for each in program.run.calls() if each.index <= before)):
        if call.name not in _LOADS:
            continue
        loaded = models.key(call.receiver)
        if loaded is not None and (models.is_within(loaded, key) or models.is_within(key, loaded)):
            return True
    return False


def is_used(program: TorchProgram, group: Group) -> bool:
    """Whether more is asked of a result than its shape."""
    for value in inside(*group.result):
        if program.uses.is_kept(value) or id(value) in program.given_out:
            return True
        for call in program.uses.of(value):
            if call.name in (".size", ".dim", ".numel", "builtins.len") or call is group.first:
                continue
            if call.name == "builtins.print" and not _shows(call, value):
                continue
            return True
    return not group.result


def _shows(call: Call, value: Value) -> bool:
    """Whether a call that prints is given a tensor itself, and not its shape or its type only."""
    return any(id(each) == id(value) for each in _walked(call.arguments))


def _walked(values: tuple[Value, ...]) -> Iterator[Value]:
    for value in values:
        yield value
        if not isinstance(value, Attribute):
            yield from _walked(parts(value))


def settle_of(program: TorchProgram, group: Group) -> str | None:
    """What would settle whether the mode of a model matters; `None` where its layers are seen."""
    return program.unseen.settles(group.root) if group.unseen else None


def is_by_itself(run: Run) -> bool:
    """Whether a run looks at a class that nobody makes an object of, and whose methods no framework calls; none that
    would set modes, as TorchServe does not."""
    bases = [base for instance in run.instances[:1] for base in instance.of.external_bases()]
    bases = [base for base in bases if not base.startswith("ts.torch_handler.")]
    whole = all(instance.of.whole for instance in run.instances[:1])
    return run.kind == "class" and whole and set(bases) <= {"builtins.object", "abc.ABC"}


def is_run_wholly(run: Run) -> bool:
    """Whether a run of a class came to all its methods: those that others have called before are left out of it, and
    may be the ones that switch modes."""
    entered = {event.function.node for event in run.events if isinstance(event, Frame)}
    return all(
        member.node in entered
        for instance in run.instances[:1]
        for cls in instance.of.lineage()
        for name, member in cls.members.items()
        if isinstance(member, Function) and not name.startswith("__") and instance.of.member(name) is member
    )
