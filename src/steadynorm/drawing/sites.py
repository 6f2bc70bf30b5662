"""Where in a network each use of a normalization layer is, and how the layer is doing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from steadynorm.drawing.network import Network, Scope
from steadynorm.finding import Finding, Severity
from steadynorm.report.model import Report

_COUNT = re.compile(r"_\d+$")


class Health(StrEnum):
    """How a layer is doing, in words, so that nobody has to tell by colour."""

    ERROR = "error"
    WARNING = "warning"
    HEALTHY = "healthy"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Health).index(self)


@dataclass(frozen=True, slots=True)
class Site:
    """One place where a layer normalizes.

    Arguments:
        layer: the layer's name.
        node: the name of the vertex that normalizes.
        scope: the block that holds the layer and nothing else; `None` where the vertex alone is the layer.
        health: how the layer is doing.
        codes: what was found of it, from a warning on.
    """

    layer: str
    node: str
    scope: Scope | None
    health: Health
    codes: tuple[str, ...]


def sites_of(network: Network, report: Report) -> list[Site]:
    """The places that normalize, in the order of the graph."""
    known = {layer.name for layer in report.evidence.layers} if report.checked else set[str]()
    if report.evidence.calls is not None:
        known &= {call.layer for call in report.evidence.calls}  # nothing is known of a layer that was never called
    by_layer: dict[str, list[Finding]] = {}
    for found in report.findings:
        for name in found.layers:
            by_layer.setdefault(name, []).append(found)
    sites: list[Site] = []
    for use in network.graph.uses:
        vertex = network.vertices.get(use.node)
        if vertex is not None:
            own = by_layer.get(use.layer, [])
            codes = tuple(dict.fromkeys(each.code for each in own if each.severity is not Severity.INFO))
            scope = _block(vertex.scope, use.layer)
            sites.append(Site(use.layer, use.node, scope, _health(own, use.layer in known), codes))
    return _apart(sites)


def _health(found: list[Finding], is_known: bool) -> Health:
    severities = {each.severity for each in found}
    if Severity.ERROR in severities:
        return Health.ERROR
    if Severity.WARNING in severities:
        return Health.WARNING
    return Health.HEALTHY if is_known else Health.UNKNOWN


def _block(scope: Scope, layer: str) -> Scope | None:
    """The innermost block around a vertex that has the layer's name, whatever was put before or counted behind it."""
    wanted = _COUNT.sub("", layer.replace(".", "/").rpartition("/")[2])
    for end in range(len(scope), 0, -1):
        if _COUNT.sub("", scope[end - 1]) == wanted:
            return scope[:end]
    return None


def _apart(sites: list[Site]) -> list[Site]:
    """Two layers in one block, or one within that of another, are their vertices."""
    holders: Mapping[Scope, set[str]] = {each.scope: set() for each in sites if each.scope is not None}
    for each in sites:
        for end in range(1, len(each.scope or ()) + 1):
            prefix = (each.scope or ())[:end]
            if prefix in holders:
                holders[prefix].add(each.layer)
    return [
        Site(each.layer, each.node, None, each.health, each.codes)
        if each.scope is not None and len(holders[each.scope]) > 1
        else each
        for each in sites
    ]
