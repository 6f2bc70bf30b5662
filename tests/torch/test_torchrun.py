"""Under torchrun itself: two processes on gloo are one with the whole batch and all data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import steadynorm
from steadynorm.torch import BatchNorm1d

PROGRAM = """
import os
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import steadynorm
from steadynorm.torch import BatchNorm1d

dist.init_process_group("gloo")
rank = dist.get_rank()
whole = torch.load(os.environ["WHOLE"])
x = whole[:5] if rank == 0 else whole[5:]  # uneven
layer = BatchNorm1d(3, renorm=True, synchronized=True)
x.requires_grad_()
y = layer(x)
y.pow(3).sum().backward()
model = DistributedDataParallel(BatchNorm1d(3))
steadynorm.recalibrate(model, [x.detach()], tolerance=0, progress=False)
found = {"y": y.detach(), "dx": x.grad, "trained": layer.state_dict(), "estimated": model.module.state_dict()}
torch.save(found, os.environ["FOUND"] + str(rank))
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_are_as_one(tmp_path: Path) -> None:
    whole = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)) * 2 + 3
    torch.save(whole, tmp_path / "whole.pt")
    (tmp_path / "program.py").write_text(PROGRAM)
    settings = {"WHOLE": str(tmp_path / "whole.pt"), "FOUND": str(tmp_path / "found"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "program.py"]

    ran = subprocess.run(
        command, cwd=tmp_path, env=os.environ | settings | {"GLOO_SOCKET_IFNAME": "lo"}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    first, second = (torch.load(tmp_path / f"found{rank}") for rank in range(2))

    alone, x = BatchNorm1d(3, renorm=True), whole.clone().requires_grad_()
    y = alone(x)
    y.pow(3).sum().backward()
    torch.testing.assert_close(torch.cat([first["y"], second["y"]]), y.detach(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(torch.cat([first["dx"], second["dx"]]), x.grad, rtol=1e-5, atol=1e-5)
    estimated = BatchNorm1d(3)
    steadynorm.recalibrate(estimated, [whole], tolerance=0, progress=False)
    for one in (first, second):
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(one["trained"][name], value, rtol=1e-5, atol=1e-5)
        for name in ("running_mean", "running_var"):
            torch.testing.assert_close(one["estimated"][name], getattr(estimated, name), rtol=1e-6, atol=1e-6)
