"""A loss of one or of several terms."""

from __future__ import annotations

from typing import Any


def total(result: Any) -> Any:
    """A loss as one number: the sum of its terms where it returns several."""
    return sum(terms(result).values())


def terms(result: Any) -> dict[str, Any]:
    """The terms of a loss by their names; one called `loss` where it returns a single number."""
    if isinstance(result, dict):
        return {str(name): term for name, term in result.items()}
    if isinstance(result, list | tuple):
        return {f"term {number}": term for number, term in enumerate(result, 1)}
    return {"loss": result}
