"""Copies of a model that can be run, trained and hooked while the original stays as it is."""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import UninitializedBuffer, is_lazy

from steadynorm.errors import UnusableInputError
from steadynorm.torch.batches import tensors_of
from steadynorm.torch.binding import Binder
from steadynorm.torch.synchronization import Synchronized

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)


def unwrap(model: nn.Module) -> nn.Module:
    """The module inside DataParallel, DistributedDataParallel and torch.compile wrappers."""
    for inner in _unwrapping(model):
        model = inner
    return model


def is_compiled(model: nn.Module) -> bool:
    """Whether the model, or what is inside its wrappers, is run as compiled code."""
    return any(
        isinstance(getattr(each, "_orig_mod", None), nn.Module)
        or getattr(each, "_compiled_call_impl", None) is not None
        for each in _unwrapping(model)
    )


def _unwrapping(model: nn.Module) -> Iterator[nn.Module]:
    """The model and what is inside each of its wrappers, outermost first."""
    while True:
        yield model
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel | _StandIn):
            model = model.module
        elif isinstance(getattr(model, "_orig_mod", None), nn.Module):
            model = model._orig_mod  # type: ignore[assignment]
        else:
            return


class Copier(Binder):
    """A copy of the model, and copies of everything of the user's that holds on to the model.

    Arguments:
        model: the original; wrapped or not.

    Attributes:
        model: the copy, without wrappers.
        handed_over: what the user's functions get as their model: the copy, or what stands for the copy's wrapper.

    Raises:
        UnusableInputError: the model cannot be copied.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        try:
            self.handed_over = self._copy_module(model)
        except Exception as error:
            raise UnusableInputError(
                f"the model ({type(unwrap(model)).__name__}) cannot be copied, and the original is never run: "
                f"{type(error).__name__}: {error}. Give the class a __deepcopy__, or move what cannot be copied "
                "out of the module"
            ) from error
        self.model = unwrap(self.handed_over)

    def copy(self, value: Any) -> Any:
        """See `Binder`; in a module every function that it holds and every hook is bound, too."""
        if not isinstance(value, nn.Module) or id(value) in self.memo:
            return super().copy(value)
        try:
            return self._copy_module(value)
        except Exception:
            return self._remember(value, value)

    def counterpart(self, other: Copier, copied: nn.Module) -> nn.Module:
        """This copier's copy of what `other` copied as `copied`; `copied` itself where it is no copy."""
        original = next((key for key, value in other.memo.items() if value is copied), None)
        found: nn.Module = copied if original is None else self.memo.get(original, copied)
        return found

    def _copy_module(self, model: nn.Module) -> nn.Module:
        *wrappers, inner = _unwrapping(model)
        for module in inner.modules():
            # deepcopy refuses tensors that are results of a computation (weight_norm keeps one in the module).
            for tensor in tensors_of(list(vars(module).values())):
                if not tensor.is_leaf and id(tensor) not in self.memo:
                    self._remember(tensor, tensor.detach().clone())
            if isinstance(module, nn.SyncBatchNorm) and module.process_group is not None:
                self._remember(module.process_group, module.process_group)  # of running processes, which has no copy
            for buffer in module.buffers(recurse=False):
                if is_lazy(buffer):  # the one kind of tensor that cannot copy itself
                    self._remember(buffer, UninitializedBuffer(device=buffer.device, dtype=buffer.dtype))  # type: ignore[call-arg]
        copied: nn.Module = self._deepcopy(inner)
        for old, new in zip(inner.modules(), copied.modules(), strict=True):
            self._complete(old, new)
            _keep_local(new)
        for wrapper in reversed(wrappers):
            if isinstance(wrapper, nn.DataParallel | nn.parallel.DistributedDataParallel):
                copied = _StandIn(copied)
            self._remember(wrapper, copied)
        return copied

    def _complete(self, original: nn.Module, copied: nn.Module) -> None:
        """Copies what deepcopy takes over as it is: functions, and attributes set on parameters."""
        for name, value in list(vars(copied).items()):
            if isinstance(value, types.FunctionType):
                vars(copied)[name] = self.bind(value)
        for name in _HOOKS:
            hooks: dict[int, Any] = vars(copied).get(name) or {}
            for key, hook in list(hooks.items()):
                hooks[key] = self.bind(hook)
        for old, new in zip(original.parameters(recurse=False), copied.parameters(recurse=False), strict=True):
            vars(new).update((key, self.copy(value)) for key, value in vars(old).items() if key not in vars(new))
        self.bind_methods(original, copied)


class _StandIn(nn.Module):
    """Stands for a DataParallel or DistributedDataParallel wrapper in the user's functions."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.training = module.training
        self.module = module

    def forward(self, *inputs: Any, **keywords: Any) -> Any:
        return self.module(*inputs, **keywords)

    def no_sync(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


class _Uncompiled(nn.Module):
    """What a compiled part of the copy becomes: the same names, run as the Python code that it was compiled from."""

    def forward(self, *inputs: Any, **keywords: Any) -> Any:
        return self._orig_mod(*inputs, **keywords)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(vars(self)["_modules"]["_orig_mod"], name)


def _keep_local(module: nn.Module) -> None:
    """Keeps a part of the copy in plain code of this process: hooks and other ranks do not follow it elsewhere."""
    if getattr(module, "_compiled_call_impl", None) is not None:
        module._compiled_call_impl = None  # compiled code would pass the hooks by
    if type(module).__name__ == "OptimizedModule" and isinstance(module._orig_mod, nn.Module):
        training = module.training
        vars(module).pop("forward", None)
        module.__class__ = _Uncompiled
        module.training = training
    if isinstance(module, nn.DataParallel):
        module.device_ids = []
    # Other ranks do not take part: a synchronized forward would wait for them forever.
    if isinstance(module, Synchronized):
        module.synchronized = False
    if isinstance(module, nn.SyncBatchNorm):
        vars(module)["forward"] = functools.partial(_BatchNorm.forward, module)
