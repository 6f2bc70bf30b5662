"""An exported PyTorch program drawn: modules as blocks, shapes, frozen weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from steadynorm.drawing.drawing import drawing_of
from steadynorm.drawing.reading import read


class Branch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.bn(self.conv(x)))


@pytest.mark.parametrize("frozen", [False, True])
def test_modules_are_blocks_and_frozen_weights_are_noted(frozen: bool, tmp_path: Path) -> None:
    model = nn.Sequential(Branch(), nn.Flatten()).eval()
    model[0].conv.requires_grad_(not frozen)
    path = tmp_path / "model.pt2"
    torch.export.save(torch.export.export(model, (torch.zeros(2, 3, 8, 8),)), path)
    found = read(str(path))
    drawing = drawing_of(found.network, found.report)
    items = drawing.items
    named = {item.name: item for item in items}
    shapes = {(items[one].op, items[other].op): shape for one, other, shape, _ in drawing.edges}

    assert [items[at].layer for at in drawing.sites] == ["0.bn"]
    assert items[named["conv2d"].parent].label == "0"
    assert named["conv2d"].note == ("no gradient to weight and bias" if frozen else "")
    assert shapes["input", "conv2d"] == "2×3×8×8"
    assert shapes["relu", "flatten"] == "2×4×6×6"
    assert shapes["flatten", "output"] == "2×144"
    assert {item.note for name, item in named.items() if name != "conv2d"} == {""}
