"""What a name in a file stands for, as its imports say: enough to know a function's arguments."""

from __future__ import annotations

import ast
from functools import lru_cache

from steadynorm.source.fixes.index import index_of
from steadynorm.source.reading.files import SourceFile
from steadynorm.source.symbolic.names import canonical


def origin(file: SourceFile, node: ast.expr) -> str:
    """The dotted name of a function outside of the project, as `torch.nn.Conv2d`; what is not imported stays as it is.

    Arguments:
        file: the file.
        node: the name, as `nn.Conv2d`.
    """
    names = _imports(file.tree)
    root, separator, rest = ast.unparse(node).partition(".")
    return canonical(f"{names.get(root, root)}{separator}{rest}")


def alias_of(file: SourceFile, name: str) -> str | None:
    """What a file calls a module, as `tf`; `None` if it does not import it."""
    return next((alias for alias, full in _imports(file.tree).items() if canonical(full) == name), None)


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
