"""One pass forwards and backwards over the first batch, with everything that it shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd
from torch.nn.parameter import is_lazy

from steadynorm.evidence import Array
from steadynorm.experiments.broadcasting import is_broadcast
from steadynorm.experiments.free_outputs import uninformed
from steadynorm.experiments.records import Activation, FirstPass, Range, Term, Weight
from steadynorm.experiments.terms import terms, total
from steadynorm.experiments.trainee import ENLARGED
from steadynorm.torch.batches import numbers_of, tensors_of, transform
from steadynorm.torch.calling import Calling
from steadynorm.torch.layers import normalization_layers
from steadynorm.torch.state import hooks


def first_pass(calling: Calling, batches: Sequence[Any]) -> FirstPass:
    """Runs the copy once in training mode and looks at it; afterwards the copy is spoilt.

    Arguments:
        calling: the copy and the subject's functions.
        batches: the first is looked at; the others tell whether layers are called that the first does not reach.

    Raises:
        UnusableInputError: the model or a function of the subject refuses the batch.
    """
    model, batch = calling.copier.model, batches[0]
    model.train()
    if any(map(is_lazy, model.parameters())):
        with torch.no_grad():
            calling.run(batch)
    trained = _trained(model, calling.subject.optimizer)
    seen = _Seen(model)
    with hooks(seen.handles()):
        output, target = calling.run(batch), calling.target(batch)
    shapes = _shapes(output, target)
    if calling.subject.loss is None:
        return FirstPass(trained, None, **shapes, activations=tuple(seen.activations))
    result = calling.result("loss", output, target)
    loss = total(result)
    gradients = _gradients(loss, model)
    without = {name: _owner(model, name) for name, gradient in gradients.items() if gradient is None}
    idle = [name for name, owner in without.items() if owner not in seen.called]
    later = _called(calling, batches[1:]) if idle else set()
    return FirstPass(
        trained,
        float(loss.detach()),
        chance=_chance(calling, output, target),
        classes=_classes(output, target),
        terms=_terms(terms(result), model),
        **shapes,
        outputs=_bounds(calling, batch, seen.last) if shapes["targets"] is not None else None,
        coupled=_coupled(calling, output, target),
        weights=tuple(_weights(model, gradients)),
        activations=tuple(seen.activations),
        without_gradient=tuple(name for name in without if name not in idle),
        not_called=tuple(name for name in idle if without[name] not in later),
    )


class _Seen:
    """Which layers are called, and what those without parts give."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.called: set[nn.Module] = set()
        self.activations: list[Activation] = []
        self.last: nn.Module | None = None

    def handles(self) -> list[Any]:
        return [
            module.register_forward_hook(self._look(name))
            for name, module in self.model.named_modules()
            if not isinstance(module, torch.jit.ScriptModule)
        ]

    def _look(self, name: str) -> Any:
        def look(module: nn.Module, _: Any, output: Any) -> None:
            self.called.add(module)
            if next(module.children(), None) is not None:
                return
            if isinstance(module._parameters.get("weight"), Tensor):
                self.last = module
            for tensor in tensors_of(output):
                if tensor.is_floating_point() and tensor.numel() > 1:
                    deviation = float(tensor.detach().float().std())
                    self.activations.append(Activation(name, type(module).__name__, deviation))
                    return

        return look


def _called(calling: Calling, batches: Sequence[Any]) -> set[nn.Module]:
    """The layers that some batches go through."""
    seen = _Seen(calling.copier.model)
    with torch.no_grad(), hooks(seen.handles()):
        for batch in batches:
            calling.run(batch)
    return seen.called


def _trained(model: nn.Module, optimizer: Any) -> bool:
    """Whether an optimizer has made a step, or a normalization layer has counted an update."""
    stepped = isinstance(optimizer, torch.optim.Optimizer) and bool(optimizer.state)
    counts = (getattr(layer, "num_batches_tracked", None) for layer in normalization_layers(model).values())
    return stepped or any(count is not None and int(count) > 0 for count in counts)


def _gradients(loss: Tensor, model: nn.Module) -> dict[str, Tensor | None]:
    named = {name: each for name, each in model.named_parameters() if each.requires_grad}
    if not loss.requires_grad or not named:
        return dict.fromkeys(named)
    found = torch.autograd.grad(loss, list(named.values()), retain_graph=True, allow_unused=True)
    return dict(zip(named, found, strict=True))


def _terms(found: Mapping[str, Any], model: nn.Module) -> dict[str, Term]:
    if len(found) < 2:
        return {}
    return {name: Term(float(term.detach()), _norm(_gradients(term, model).values())) for name, term in found.items()}


def _norm(gradients: Any) -> float | None:
    arrived = [float(each.detach().float().norm()) for each in gradients if each is not None]
    return math.hypot(*arrived) if arrived else None


def _weights(model: nn.Module, gradients: Mapping[str, Tensor | None]) -> Iterator[Weight]:
    for path, module in model.named_modules():
        if isinstance(module, nn.Embedding | nn.EmbeddingBag):
            continue  # one input at a time: the width says nothing about the scale
        for name, parameter in module.named_parameters(path, recurse=False):
            if parameter.dim() < 2 or parameter.numel() < 2 or name not in gradients:
                continue
            shape = parameter.shape
            inputs = parameter.numel() // (shape[1] if isinstance(module, _ConvTransposeNd) else shape[0])
            gradient = gradients[name]
            scale = None if gradient is None else float(gradient.detach().float().square().mean().sqrt())
            yield Weight(name, inputs, float(parameter.detach().float().std()), scale)


def _shapes(output: Any, target: Any) -> dict[str, Any]:
    output_shape = tuple(output.shape) if isinstance(output, Tensor) else None
    target_shape = tuple(target.shape) if isinstance(target, Tensor) else None
    is_range = isinstance(target, Tensor) and target.is_floating_point() and output_shape == target_shape
    return {
        "output_shape": output_shape,
        "target_shape": target_shape,
        "targets": _range(target) if is_range else None,
    }


def _range(tensor: Tensor) -> Range | None:
    return Range(float(tensor.detach().min()), float(tensor.detach().max())) if tensor.numel() else None


def _chance(calling: Calling, output: Any, target: Any) -> float | None:
    """The loss of outputs that know nothing."""
    if not isinstance(output, Tensor) or not output.is_floating_point():
        return None
    try:
        instead = torch.as_tensor(uninformed(numbers_of(output))).to(output)
        return float(total(calling.result("loss", instead, target)))
    except Exception:  # a loss may refuse such outputs; there is nothing to compare with then
        return None


def _classes(output: Any, target: Any) -> int | None:
    if not isinstance(output, Tensor) or not isinstance(target, Tensor) or target.is_floating_point():
        return None
    is_numbered = output.dim() >= 2 and target.shape == output.shape[:1] + output.shape[2:]
    return int(output.shape[1]) if is_numbered else None


def _coupled(calling: Calling, output: Any, target: Any) -> bool | None:
    """Whether broadcasting makes the loss compare each prediction with the targets of the other samples."""
    if not isinstance(output, Tensor) or not isinstance(target, Tensor) or not output.is_floating_point():
        return None
    return is_broadcast(numbers_of(output), numbers_of(target), _gradient_of_output(calling, output, target))


def _gradient_of_output(calling: Calling, output: Tensor, target: Tensor) -> Callable[[Array, Array], Array]:
    def gradient(predictions: Array, targets: Array) -> Array:
        free = torch.as_tensor(predictions, dtype=output.dtype, device=output.device).requires_grad_()
        compared = torch.as_tensor(targets, dtype=target.dtype, device=target.device)
        (found,) = torch.autograd.grad(total(calling.result("loss", free, compared)), free)
        return numbers_of(found)  # type: ignore[no-any-return]

    return gradient


def output_gradient(calling: Calling, batch: Any) -> Array | None:
    """The gradient of the loss for each number of the output, `None` where output and target are not of one shape."""
    calling.copier.model.eval()
    with torch.no_grad():
        output, target = calling.run(batch), calling.target(batch)
    if not isinstance(output, Tensor) or not isinstance(target, Tensor) or output.shape != target.shape:
        return None
    return _gradient_of_output(calling, output, target)(numbers_of(output), numbers_of(target))


def _bounds(calling: Calling, batch: Any, last: nn.Module | None) -> Range | None:
    """The range of the outputs, once the last layer with weights gives large numbers of both signs."""
    if last is None:
        return None
    with torch.no_grad(), hooks([last.register_forward_hook(_enlarged)]):
        output = calling.run(batch)
    return _range(output) if isinstance(output, Tensor) else None


def _enlarged(_: nn.Module, __: Any, output: Any) -> Any:
    """What a layer gives, about zero and at the deviation at which bounds show."""

    def enlarge(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor
        centred = tensor - tensor.mean()
        return centred * (ENLARGED / centred.square().mean().sqrt().clamp(min=1e-12))

    return transform(output, enlarge)


def _owner(model: nn.Module, parameter: str) -> nn.Module:
    return model.get_submodule(parameter.rpartition(".")[0])
