"""Five classic mistakes, each made for real: what the user sees, what a diagnosis gets, and the repair."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn
from torch.func import functional_call
from torch.optim import Adam, Optimizer

import steadynorm
from steadynorm.subject import Subject
from steadynorm.torch.demo.case import Case, Trained, subject_of
from steadynorm.torch.demo.data import Batches
from steadynorm.torch.demo.network import TwoInputs, accuracy, inputs_of, learn, new_network, train

RECALIBRATE = "steadynorm.recalibrate"


def correct(healthy: Trained) -> Case:
    """No mistake."""
    return Case("none", subject_of(healthy.network, healthy.digits, healthy.optimizer), healthy.training)


def never_updated(healthy: Trained) -> Case:
    """The train step runs the model functionally and drops the updated buffers."""
    network = new_network()
    optimizer, training = train(network, healthy.digits.train, functional_step)
    subject = subject_of(network, healthy.digits, optimizer, train_step=functional_step)
    return Case("statistics never updated", subject, training, RECALIBRATE, lambda: _recalibrated(subject))


def functional_step(model: nn.Module, optimizer: Optimizer, batch: Any) -> float:
    """A step that hands the buffers over as copies; the layers update those, and nobody writes them back."""
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    output = functional_call(model, {**dict(model.named_parameters()), **buffers}, inputs_of(batch))
    return learn(output, optimizer, batch)


def slow_decay(healthy: Trained) -> Case:
    """An average over a thousand steps and more, in a run of under two hundred."""
    network = new_network(momentum=0.001)
    optimizer, training = train(network, healthy.digits.train)
    subject = subject_of(network, healthy.digits, optimizer)
    return Case("decay 0.999 on a short run", subject, training, RECALIBRATE, lambda: _recalibrated(subject))


def evaluated_in_training_mode(healthy: Trained) -> Case:
    """The images come one at a time, and the model is still as training left it."""
    network = copy.deepcopy(healthy.network).train()
    subject = subject_of(network, healthy.digits, healthy.optimizer, evaluate=evaluate_one_by_one)
    title = "evaluated in training mode, one image at a time"
    return Case(title, subject, healthy.training, "model.eval()", lambda: copy.deepcopy(network).eval())


def evaluate_one_by_one(model: nn.Module, batches: Batches) -> float:
    """An evaluation without model.eval(), with batches of one."""
    with torch.no_grad():
        right = [
            accuracy(model(image[None]), label[None])
            for images, labels in batches
            for image, label in zip(images, labels, strict=True)
        ]
    return sum(right) / len(right)


def left_out_of_checkpoint(healthy: Trained) -> Case:
    """The checkpoint holds the parameters only, and loading it does not insist on the rest."""
    network = new_network()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "checkpoint.pt"
        torch.save({name: parameter.detach() for name, parameter in healthy.network.named_parameters()}, file)
        network.load_state_dict(torch.load(file, weights_only=True), strict=False)
    subject = subject_of(network, healthy.digits, Adam(network.parameters(), 3e-3))
    title = "statistics left out of the checkpoint"
    return Case(title, subject, healthy.training, RECALIBRATE, lambda: _recalibrated(subject))


def shared_by_two_inputs(healthy: Trained) -> Case:
    """Images and photographs go through the same layers in turn."""
    digits, network = healthy.digits.in_two_kinds(), new_network()
    model = TwoInputs(network, network)
    optimizer, training = train(model, digits.train)
    subject = subject_of(model, digits, optimizer)
    remedy = "statistics per input, recalibrated"
    return Case("one layer for two kinds of input", subject, training, remedy, lambda: _separated(subject))


MISTAKES: tuple[Callable[[Trained], Case], ...] = (
    never_updated,
    slow_decay,
    evaluated_in_training_mode,
    left_out_of_checkpoint,
    shared_by_two_inputs,
)


def _recalibrated(subject: Subject) -> nn.Module:
    model: nn.Module = copy.deepcopy(subject.model)
    steadynorm.recalibrate(model, subject.train_data, progress=False)
    return model


def _separated(subject: Subject) -> nn.Module:
    """A network per input: the same parameters, gamma and beta included, but statistics of its own."""
    first: nn.Module = copy.deepcopy(subject.model).first
    second = copy.deepcopy(first, {id(parameter): parameter for parameter in first.parameters()})
    model = TwoInputs(first, second)
    steadynorm.recalibrate(model, subject.train_data, progress=False)
    return model
