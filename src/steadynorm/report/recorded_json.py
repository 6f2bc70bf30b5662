"""What files record about a training, and what source code says about it, as JSON."""

from __future__ import annotations

from typing import Any, TypeAlias

from steadynorm.place import Shown
from steadynorm.program import Program
from steadynorm.recorded import Graph, Saver, Stored, TrainStep, Update, Use
from steadynorm.report.model import Origin

Object: TypeAlias = dict[str, Any]


def origin_as_object(origin: Origin) -> Object:
    """The files that a report is about."""
    return {"path": origin.path, "format": origin.format, "files": origin.files, "code": origin.code}


def graph_as_object(graph: Graph) -> Object:
    """What a graph says about its normalization layers."""
    return {
        "inference_only": graph.inference_only,
        "uses": [_use(each) for each in graph.uses],
        "updates": [_update(each) for each in graph.updates],
        "train_steps": [_train_step(each) for each in graph.train_steps],
        "savers": [_saver(each) for each in graph.savers],
        "ignored_switches": graph.ignored_switches,
    }


def stored_as_object(stored: Stored) -> Object:
    """What a checkpoint says besides the layers' arrays."""
    return {
        "format": stored.format,
        "steps": stored.steps,
        "steps_from": stored.steps_from,
        "before": None if stored.before is None else list(stored.before),
        "weights_moved": [{"name": name, "change": change} for name, change in stored.weights_moved.items()],
        "ranks": list(stored.ranks),
        "without_statistics": stored.without_statistics,
        "certainly_without": stored.certainly,
        "without_by_name": stored.by_name,
        "batch_only": stored.batch_only,
        "copies": [{"layer": layer, "of": other} for layer, other in stored.copies.items()],
        "parameters_averaged": stored.parameters_averaged,
        "averaged": stored.averaged,
        "doubled": stored.doubled,
        "values": stored.values,
        "training": stored.training,
        "weight_types": sorted(stored.weight_types),
        "slot_types": sorted(stored.slot_types),
        "matched_by_order": stored.by_order,
    }


def program_as_object(program: Program) -> Object:
    """What was read of source code."""
    return {"files": program.files, "normalizations": program.normalizations, "lost": program.lost}


def shown_as_object(shown: Shown) -> Object:
    """A place in source code."""
    return {
        "path": shown.path,
        "cell": shown.cell,
        "line": shown.line,
        "column": shown.column,
        "end_line": shown.end_line,
        "end_column": shown.end_column,
    }


def _use(use: Use) -> Object:
    return {
        "layer": use.layer,
        "node": use.node,
        "mode": use.mode,
        "choice": use.choice,
        "switch": use.switch,
        "default": use.default,
        "trained": use.trained,
    }


def _update(update: Update) -> Object:
    return {
        "layer": update.layer,
        "statistic": update.statistic,
        "node": update.node,
        "decay": update.decay,
        "steps": update.steps,
        "collected": update.collected,
        "always": update.always,
    }


def _train_step(step: TrainStep) -> Object:
    return {
        "node": step.node,
        "layers": step.layers,
        "owned": step.owned,
        "parameters": len(step.parameters),
    }


def _saver(saver: Saver) -> Object:
    return {"node": saver.node, "tensors": len(saver.tensors), "incomplete": saver.incomplete}
