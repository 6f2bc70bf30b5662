"""Below how much data the moments of a batch are noise, whatever tells how much there is."""

from __future__ import annotations

FEW_SAMPLES = 8
"""Samples that are normalized together."""

FEW_VALUES = 16
"""Values per channel: samples times positions."""
