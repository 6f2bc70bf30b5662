"""What a framework hands to the methods of a user's class that it calls by itself."""

from __future__ import annotations

from steadynorm.source.symbolic.machine import Machine
from steadynorm.source.symbolic.values import Function, Instance, Value

_CALLBACKS, _MODULES = ("lightning.", "Callback"), ("lightning.", "LightningModule")
_MODULE_AT = 2
"""Where hooks of Lightning's callbacks take the module: behind themselves and the trainer."""


def handed_by_framework(machine: Machine, function: Function, receiver: Value | None) -> dict[str, Value]:
    """By name the parameters of a method whose values are known though a framework calls it.

    Lightning's trainer hands the module that it trains to the hooks of its callbacks; in a program that has several
    modules nobody knows which one.
    """
    parameters = function.node.args.args
    if not isinstance(receiver, Instance) or len(parameters) <= _MODULE_AT or not _is_a(receiver, *_CALLBACKS):
        return {}
    modules = [each for each in machine.run.instances if _is_a(each, *_MODULES)]
    hook = function.name.rpartition(".")[2].startswith("on_")
    return {parameters[_MODULE_AT].arg: modules[0]} if hook and len(modules) == 1 else {}


def _is_a(instance: Instance, beginning: str, end: str) -> bool:
    return any(base.startswith(beginning) and base.endswith(end) for base in instance.of.external_bases())
