"""What a model computes, recorded from one forward pass; the operations before and after each normalization layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from steadynorm.chains import chain_after, chain_before
from steadynorm.evidence import CallSite, Operation
from steadynorm.passes import Site
from steadynorm.torch.batches import tensors_of
from steadynorm.torch.state import hooks

_KINDS = {
    "convolution": ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    "linear": ("linear", "addmm", "matmul", "mm", "bmm", "__matmul__", "bilinear"),
    "dropout": ("dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout", "alpha_dropout"),
    "sigmoid": ("sigmoid",),
    "tanh": ("tanh",),
    "softmax": ("softmax", "log_softmax"),
    "activation": ("relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "hardswish", "celu"),
    "add": ("add", "__add__", "__radd__", "__iadd__", "sub", "__sub__", "cat", "concat", "stack"),
    "reshape": (
        "view", "reshape", "flatten", "unflatten", "permute", "transpose", "squeeze", "unsqueeze", "contiguous", "to",
        "float", "type", "clone", "detach", "__get__", "__getitem__", "chunk", "split", "unbind", "expand", "view_as",
    ),
}  # fmt: skip
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names}


_LEAVING = frozenset({"item", "tolist", "numpy", "equal", "allclose", "__bool__", "__int__", "__float__", "__index__"})
"""Operations whose result is no tensor and follows from the values of one."""


@dataclass(eq=False)
class Traced:
    """One operation, one call of a normalization layer, or the output.

    Arguments:
        kind: as in `Operation`; `normalization` for a layer.
        name: the module that it ran in, or of a layer its own name; where there is none, the function's.
        bias: whether it adds a trainable bias.
        function: the function, as `conv2d`, or the class of the layer.
        module: the path of the module whose code called it, and how often that was called before.
        shape: that of its first result.
        inputs: what it reads.
        readers: what reads it.
        taken: the shapes of the tensors that it reads first of each of `inputs`.
        outside: the tensors that it reads and nothing that was recorded has made: inputs, parameters, constants.
        leaves: whether values of it go where no tensor goes, as into a condition.
    """

    kind: str
    name: str
    bias: bool = False
    function: str = ""
    module: tuple[str, int] = ("", 0)
    shape: tuple[int, ...] | None = None
    inputs: list[Traced] = field(default_factory=list)
    readers: list[Traced] = field(default_factory=list)
    taken: list[tuple[int, ...]] = field(default_factory=list)
    outside: list[Tensor] = field(default_factory=list)
    leaves: bool = False

    def operation(self) -> Operation:
        """It as a step on the way into or out of a layer."""
        return Operation(self.kind, self.name, self.bias, len(self.readers))


class Recorder(TorchFunctionMode):
    """Records which operation reads what from where, while a model runs under it.

    Arguments:
        model: the model; its module paths name the operations.
        layers: its normalization layers, each of which counts as one operation.
    """

    def __init__(self, model: nn.Module, layers: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self._layers = {id(layer): name for name, layer in layers.items()}
        self._modules = {name: module for name, module in model.named_modules() if id(module) not in self._layers}
        self._path: list[tuple[str, int]] = []
        self._inside: list[Traced] = []
        self._producer: dict[int, Traced] = {}
        self._alive: list[Any] = []
        self._calls: Counter[str] = Counter()
        self._entered: Counter[str] = Counter()
        self.sites: dict[Site, Traced] = {}
        self.nodes: list[Traced] = []

    def record(self, forward: Callable[[], Any], layers: Iterable[tuple[str, nn.Module]]) -> Any:
        """Runs `forward`, records it, the output as the last node, and returns what it returns."""
        handles = []
        for name, layer in layers:
            handles.append(layer.register_forward_pre_hook(self._enter_layer(name), with_kwargs=True))
            handles.append(layer.register_forward_hook(self._leave_layer, always_call=True))
        for name, module in self._modules.items():
            if isinstance(module, torch.jit.ScriptModule):
                continue  # compiled code takes no hooks
            handles.append(module.register_forward_pre_hook(self._enter_module(name)))
            handles.append(module.register_forward_hook(self._leave_module, always_call=True))
        with hooks(handles), self:
            output = forward()
        end = Traced("output", "output")
        self.nodes.append(end)
        for tensor in tensors_of(output):
            self._read(end, tensor)
        return output

    @property
    def entered(self) -> frozenset[str]:
        """The paths of the modules that were called, normalization layers included."""
        return frozenset(self._entered) | frozenset(self._calls)

    def chains(self) -> dict[Site, CallSite]:
        """The call sites with their chains."""
        return {
            site: CallSite(site[0], site[1], before=chain_before(node), after=chain_after(node))
            for site, node in self.sites.items()
        }

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Runs the operation and adds it to the record."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if self._inside:
            return result
        outputs = list(tensors_of(result))
        name = getattr(func, "__name__", "operation")
        if not outputs:
            for tensor in tensors_of([args, kwargs]) if name in _LEAVING else ():
                if id(tensor) in self._producer:
                    self._producer[id(tensor)].leaves = True
            return result
        kind = _KIND_OF.get(name.rstrip("_") if not name.startswith("__") else name, "other")
        bias = _has_bias(kind, args, kwargs, outputs[0])
        module = self._path[-1] if self._path else ("", 0)
        if name == "__get__":  # of an attribute, as x.T
            name = getattr(getattr(func, "__self__", None), "__name__", name)
        node = Traced(kind, module[0] or name, bias, name, module)
        for tensor in tensors_of([args, kwargs]):
            self._read(node, tensor)
        self._write(node, outputs)
        return result

    def _read(self, node: Traced, tensor: Tensor) -> None:
        source = self._producer.get(id(tensor))
        if source is None:
            node.outside.append(tensor)
        elif source not in node.inputs:
            node.inputs.append(source)
            node.taken.append(tuple(tensor.shape))
            source.readers.append(node)

    def _write(self, node: Traced, tensors: list[Tensor]) -> None:
        self._alive.extend(tensors)  # an id names a tensor only while the tensor lives
        self.nodes.append(node)
        node.shape = tuple(tensors[0].shape) if tensors else None
        for tensor in tensors:
            self._producer[id(tensor)] = node

    def _enter_layer(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def enter(layer: nn.Module, args: Any, kwargs: Any) -> None:
            module = self._path[-1] if self._path else ("", 0)
            node = Traced("normalization", name, function=type(layer).__name__, module=module)
            for tensor in tensors_of([args, kwargs]):
                self._read(node, tensor)
            self.sites[name, self._calls[name]] = node
            self._calls[name] += 1
            self._inside.append(node)

        return enter

    def _leave_layer(self, _: nn.Module, __: Any, output: Any) -> None:
        self._write(self._inside.pop(), list(tensors_of(output)))

    def _enter_module(self, name: str) -> Callable[[nn.Module, Any], None]:
        def enter(_: nn.Module, __: Any) -> None:
            self._path.append((name, self._entered[name]))
            self._entered[name] += 1

        return enter

    def _leave_module(self, _: nn.Module, __: Any, ___: Any) -> None:
        self._path.pop()


def _has_bias(kind: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> bool:
    if kind in ("convolution", "linear"):
        at = 3 if len(args) > 3 and isinstance(args[2], Tensor) and args[2].dim() > 1 else 2  # bilinear has two inputs
        bias = kwargs.get("bias", args[at] if len(args) > at else None)
        return isinstance(bias, Tensor)
    if kind == "add" and output.dim() > 1:
        # x + b with one parameter per channel.
        return any(
            isinstance(each, nn.Parameter)
            and each.numel() == output.shape[1]
            and each.dim() >= output.dim() - 1
            and each.shape[each.dim() - output.dim() + 1] == each.numel()
            for each in args
        )
    return False
