"""From the tree of a checkpoint to its contents: which dict is the model, which are copies of it, how far it came."""

from __future__ import annotations

import re

from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.artifacts.pickle_arrays import number_of
from steadynorm.artifacts.torch_tensors import Places, scalar
from steadynorm.artifacts.torch_tree import RENORM, Leaf, Path, Tree
from steadynorm.artifacts.torch_values import Strided
from steadynorm.errors import NoModelError

_COPY = re.compile(r"(^|[^a-z])(ema|swa|avg|averaged?|teacher|target|shadow|polyak)([^a-z]|$)", re.IGNORECASE)
_STEP_NAMES = (
    "global_step", "num_updates", "num_steps", "iteration", "iterations", "iter", "step", "steps", "train_step",
    "n_iter", "it", "updates",
)  # fmt: skip
_SAMPLED_STEPS = 8

WHOLE = "a whole PyTorch module, read by names, nothing was loaded"


def contents_of(tree: Tree, places: Places, form: str, foreign: tuple[str, ...] = ()) -> Contents:
    """The contents of a checkpoint.

    Arguments:
        tree: what its pickle holds.
        places: where its storages are.
        form: the format in words.
        foreign: what the pickle would import beyond what a state dict needs.

    Raises:
        NoModelError: it has no tensors, or only those of an optimizer.
        UnusableInputError: it has a tensor that does not fit into the file.
    """
    if not tree.leaves and tree.optimizers:
        raise NoModelError(f"{places.source.path}: holds the state of an optimizer and no model", "optimizer's state")
    if not tree.leaves:
        raise NoModelError(f"{places.source.path}: {_without_tensors(foreign)}", "pickle without tensors")
    roots = _roots(tree)
    copies = _copies(roots)
    main = [path for path in roots if path not in copies]
    # With one model in the file its names are the model's own; beside others each keeps its place in front.
    plain = main[0] if len(main) == 1 else None
    tensors: dict[str, Tensor] = {}
    for path, leaves in roots.items():
        for name, leaf in leaves.items():
            full = name if path == plain else ".".join((*path, name))
            tensors[full] = places.tensor(full, leaf)
    steps, steps_from = _steps(tree, places)
    return Contents(
        format=f"{form}: {WHOLE}" if tree.modules else form,
        framework="torch",
        tensors=tensors,
        steps=steps,
        steps_from=steps_from,
        facts=_facts(tree, plain, copies, foreign) | _renorm(tree, plain, places),
    )


def _without_tensors(foreign: tuple[str, ...]) -> str:
    what = "is a pickle without tensors: it was read as data, and nothing in it was loaded or run"
    return f"{what}; loading it would import {', '.join(foreign[:8])}" if foreign else what


def _roots(tree: Tree) -> dict[Path, dict[str, Leaf]]:
    """The state dicts, by where they are: those dicts that hold tensors themselves, and not within another one."""
    parents = {path[:-1] for path, leaf in tree.leaves.items() if _is_weight(path, leaf)}
    dotted = {path[:-1] for path in tree.leaves if "." in path[-1]}
    modules = {path for path in tree.modules if not any(path[:cut] in tree.modules for cut in range(len(path)))}
    found = (modules | dotted | parents) if not (modules or dotted) else (modules | dotted)
    found = {path for path in found if not any(path[:cut] in found for cut in range(len(path)))}
    roots: dict[Path, dict[str, Leaf]] = {}
    for path, leaf in tree.leaves.items():
        root = next((path[:cut] for cut in range(len(path)) if path[:cut] in found), None)
        if root is None:
            # Neither in a state dict nor in an optimizer: kept under its own name, beside the models.
            if not _is_weight(path, leaf):
                continue
            root = path[:-1]
        roots.setdefault(root, {})[".".join(path[len(root) :])] = leaf
    if not roots:
        roots[()] = {".".join(path): leaf for path, leaf in tree.leaves.items()}
    return roots


def _is_weight(path: Path, leaf: Leaf) -> bool:
    """Whether it can be one of a model's: not a lone number, nor the state of a random generator."""
    return bool(leaf.shape) and not any("rng" in part.lower() for part in path)


def _copies(roots: dict[Path, dict[str, Leaf]]) -> dict[Path, Path]:
    """Averages and targets that have the names of another model in the file, by where they are: that other one."""
    found: dict[Path, Path] = {}
    for path, leaves in roots.items():
        if not _COPY.search(".".join(path)):
            continue
        names = {name.removeprefix("module.") for name in leaves}
        for other, theirs in roots.items():
            shared = names & {name.removeprefix("module.") for name in theirs}
            if not _COPY.search(".".join(other)) and 2 * len(shared) > len(theirs):
                found[path] = other
                break
    return found


def _steps(tree: Tree, places: Places) -> tuple[int | None, str | None]:
    """How many steps the optimizer counted, or else what the training loop wrote down."""
    best: tuple[int, str] | None = None
    for optimizer in tree.optimizers:
        stride = max(1, len(optimizer.steps) // _SAMPLED_STEPS)
        for given in optimizer.steps[::stride]:
            count = _count(given, places)
            if count is not None and (best is None or count > best[0]):
                best = count, ".".join(filter(None, (optimizer.path, "state[*].step")))
    if best is not None:
        return best
    named = [each for each in (*tree.values, *tree.leaves) if each[-1] in _STEP_NAMES and len(each) <= 2]
    for name in _STEP_NAMES:
        for path in sorted((each for each in named if each[-1] == name), key=len)[:_SAMPLED_STEPS]:
            count = _count(tree.values.get(path, tree.leaves.get(path)), places)
            if count is not None:
                return count, ".".join(path)
    return None, None


def _count(value: object, places: Places) -> int | None:
    if isinstance(value, Strided):
        number = scalar(places.tensor("step", value)) if value.storage is not None and not value.why else None
    else:
        number = number_of(value)
    if number is None or isinstance(number, bool) or not 0 <= number < 1 << 53 or number != int(number):
        return None
    return int(number)


def _shown(path: Path, plain: Path | None) -> str:
    inside = path[len(plain) :] if plain is not None and path[: len(plain)] == plain else path
    return ".".join(inside)


def _renorm(tree: Tree, plain: Path | None, places: Places) -> dict[str, object]:
    """What renormalization measures against, by layer, where a state dict notes it."""
    found = {}
    for path, layers in tree.renorm.items():
        for name, vectors in layers.items():
            layer = ".".join(filter(None, (_shown(path, plain), name)))
            readable = (each for each in vectors if each.storage is not None and not each.why)
            found[layer] = [places.tensor(f"{RENORM} of {layer}", each) for each in readable]
    return {"renorm": found} if found else {}


def _facts(tree: Tree, plain: Path | None, copies: dict[Path, Path], foreign: tuple[str, ...]) -> dict[str, object]:
    def shown(path: Path) -> str:
        return _shown(path, plain)

    facts: dict[str, object] = {
        "root": None if plain is None else ".".join(plain),
        "copies": {shown(path): shown(other) for path, other in copies.items()},
        "values": {".".join(path): value for path, value in tree.values.items()},
        "modules": {shown(path): attributes for path, attributes in tree.modules.items()},
        "kinds": {
            shown(path): str(attributes["class"]).rpartition(".")[2] for path, attributes in tree.modules.items()
        },
        "param_groups": tuple(group for optimizer in tree.optimizers for group in optimizer.groups),
        "slots": frozenset(each for optimizer in tree.optimizers for each in optimizer.slots),
        "versions": {
            ".".join(filter(None, (shown(path), name))): version
            for path, versions in tree.versions.items()
            for name, version in versions.items()
        },
        "averaged": tuple(shown(path[:-1]) for path in tree.leaves if path[-1] == "n_averaged"),
        "untrained": tuple(
            shown(path)
            for path, leaf in tree.leaves.items()
            if isinstance(leaf, Strided) and leaf.parameter and not leaf.requires_grad
        ),
        "foreign": foreign,
    }
    return {name: value for name, value in facts.items() if value or name == "root"}
