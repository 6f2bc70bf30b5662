"""Which tensor of a checkpoint is which of a model: the same names, but for the wrappers around them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from steadynorm.artifacts.contents import Contents
from steadynorm.errors import UnusableInputError
from steadynorm.report.words import counted, listed

_WRAPPERS = frozenset({"module", "_orig_mod"})
"""What DataParallel and torch.compile put into names, wherever they wrap something."""

_COPIES = frozenset({"ema", "swa", "avg", "averaged", "teacher", "target", "shadow", "polyak"})
"""Words in the names of averages and targets, which are the same model again."""

_OPTIONAL = "num_batches_tracked"
"""What checkpoints from before PyTorch 0.4.1 lack."""

_SHOWN = 4


def fitted(model: Mapping[str, tuple[int, ...]], contents: Contents, path: str) -> dict[str, str]:
    """By name in the model, the name of the checkpoint's tensor.

    Arguments:
        model: the shapes of the model's tensors by name.
        contents: the checkpoint.
        path: its file, for the error.

    Raises:
        UnusableInputError: names are missing, are left over or fit in several ways, or a shape differs.
    """
    plain, wanted = _by_plain_name(contents.tensors), _by_plain_name(model)
    copies = contents.facts.get("copies")
    prefixes = _prefixes(plain, wanted)
    found = [prefix for prefix in prefixes if _complete(prefix, plain, wanted)]
    if not found:
        _refuse(path, prefixes, plain, wanted)
    # Of a model and its average, the model is meant; a file of an average alone has only that.
    found = [prefix for prefix in found if not _is_of_copy(prefix, copies)] or found
    if len(found) > 1:
        shown = listed([f"'{prefix}'" if prefix else "no prefix" for prefix in found])
        raise UnusableInputError(f"{path}: holds the subject's model {len(found)} times: with {shown} before its names")
    prefix = found[0]
    left = [
        name
        for name in plain
        if name.startswith(prefix) and name[len(prefix) :] not in wanted and not _is_of_copy(name, copies)
    ]
    if left:
        raise UnusableInputError(
            f"{path}: is not of the subject's model: it also holds {_listed([plain[name] for name in left])}; expected "
            "the same names"
        )
    names = {wanted[name]: plain[prefix + name] for name in wanted if prefix + name in plain}
    for name, stored in names.items():
        shape = contents.tensors[stored].shape
        if shape != model[name]:
            raise UnusableInputError(
                f"{path}: is not of the subject's model: {stored} has the shape {list(shape)} and {name} "
                f"{list(model[name])}"
            )
    return names


def _by_plain_name(names: Iterable[str]) -> dict[str, str]:
    names = list(names)
    found = {_plain(name): name for name in names}
    return found if len(found) == len(names) else {name: name for name in names}


def _plain(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _prefixes(plain: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """What may stand before the model's names: whatever stands before the longest of them that is found."""
    for name in sorted(wanted, key=lambda each: (-len(each), each)):
        found = {each[: -len(name)] for each in plain if each.endswith(name)}
        found = {each for each in found if not each or each.endswith(".")}
        if found:
            return sorted(found, key=lambda each: (len(each), each))
    return []


def _complete(prefix: str, plain: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(prefix + name in plain for name in wanted if not name.endswith(_OPTIONAL))


def _is_of_copy(name: str, copies: object) -> bool:
    if isinstance(copies, Mapping) and any(name.startswith(f"{_plain(str(copy))}.") for copy in copies):
        return True
    return not _COPIES.isdisjoint(re.split(r"[._]", name.lower()))


def _refuse(path: str, prefixes: Sequence[str], plain: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    best = min(
        prefixes or [""],
        key=lambda prefix: sum(prefix + name not in plain for name in wanted),
    )
    missing = [wanted[name] for name in wanted if best + name not in plain and not name.endswith(_OPTIONAL)]
    others = [plain[name] for name in plain if not (name.startswith(best) and name[len(best) :] in wanted)]
    also = f"; it holds {_listed(others)} instead" if others else ""
    raise UnusableInputError(f"{path}: is not of the subject's model: it lacks {_listed(missing)}{also}")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {counted(len(names) - _SHOWN, 'other')}"
