"""What a name in a file stands for, as its imports say: enough to know a function's arguments."""

from __future__ import annotations

import ast
from functools import lru_cache

from steadynorm.source.fixes.index import index_of
from steadynorm.source.reading.files import SourceFile
from steadynorm.source.symbolic.names import canonical
from steadynorm.source.symbolic.stars import gives


def origin(file: SourceFile, node: ast.expr) -> str:
    """The dotted name of a function outside of the project, as `torch.nn.Conv2d`; what is not imported stays as it is.

    Arguments:
        file: the file.
        node: the name, as `nn.Conv2d`.
    """
    names = _names(file.tree)
    root, separator, rest = ast.unparse(node).partition(".")
    full = names.get(root) or _from_stars(file.tree, root)
    return canonical(f"{full}{separator}{rest}")


def alias_of(file: SourceFile, name: str) -> str | None:
    """What a file calls a module, as `tf`; `None` if it does not import it."""
    return next((alias for alias, full in _imports(file.tree).items() if canonical(full) == name), None)


def _from_stars(tree: ast.Module, name: str) -> str:
    """A name that the latest star import which is known to bring it gives; the name itself without one."""
    found = name
    for node in index_of(tree).imports:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level and node.names[0].name == "*":
            module = canonical(node.module)
            if gives(module, name):
                found = f"{module}.{name}"
    return found


@lru_cache(maxsize=1024)
def _names(tree: ast.Module) -> dict[str, str]:
    """What is imported, and what the module calls parts of that, as in `L = tf.keras.layers`."""
    names = dict(_imports(tree))
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name | ast.Attribute):
            root, separator, rest = ast.unparse(node.value).partition(".")
            if root in names:
                full = f"{names[root]}{separator}{rest}"
                names.update({each.id: full for each in node.targets if isinstance(each, ast.Name)})
    return names


@lru_cache(maxsize=1024)
def _imports(tree: ast.Module) -> dict[str, str]:
    names: dict[str, str] = {}
    for node in index_of(tree).imports:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif node.module and not node.level:
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return names
