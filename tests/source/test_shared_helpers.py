"""Evaluations that go through the same function as the training: where they are told of, and what is put there."""

from __future__ import annotations

from collections.abc import Mapping

from steadynorm.finding import Finding
from steadynorm.source.editing.edits import fixed
from steadynorm.source.reading.files import SourceFile
from steadynorm.source_check import SourceTask, checked

HELPER = """import torch
import torch.nn as nn
from torchvision.models import resnet18


def step(model, batch):
    x, y = batch
    return nn.functional.cross_entropy(model(x), y)
"""

TRAIN = """import torch
from torchvision.models import resnet18
from common import step
from data import train_loader

net = resnet18(num_classes=10)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for batch in train_loader:
    {call}
    optimizer.zero_grad()
    {behind}
    optimizer.step()
torch.save(net.state_dict(), "net.pt")
"""

TEST = """import torch
from torchvision.models import resnet18
from common import step
from data import test_loader

net = resnet18(num_classes=10)
net.load_state_dict(torch.load("net.pt"))
with torch.no_grad():
    for batch in test_loader:
        print(step(net, batch).item())
"""


def _found(**texts: str) -> tuple[dict[str, SourceFile], list[Finding]]:
    files = {f"{name}.py": SourceFile(f"{name}.py", text) for name, text in texts.items()}
    report = checked(list(files.values()), SourceTask()).report
    assert report is not None
    return files, [each for each in report.findings if each.code == "SN201"]


def _mended(files: Mapping[str, SourceFile], findings: list[Finding]) -> Mapping[str, str]:
    return fixed(files, (each.fix for each in findings if each.fix is not None)).texts


def test_program_is_changed_and_not_its_helper_where_another_program_trains_through_that() -> None:
    for call, behind in (
        ("loss = step(net, batch)", "loss.backward()"),
        ("losses = step(net, batch)", "loss = losses.mean(); loss.backward()"),
        ("pass", "step(net, batch).backward()"),
    ):
        files, findings = _found(common=HELPER, train=TRAIN.format(call=call, behind=behind), test=TEST)
        done = _mended(files, findings)

        assert list(done) == ["test.py"]
        assert done["test.py"] == TEST.replace("with torch.no_grad()", "net.eval()\nwith torch.no_grad()")


def test_functions_that_training_goes_through_are_not_changed_on_the_way_of_an_evaluation() -> None:
    between = (
        "from common import step\n\n\ndef losses(model, loader):\n    return [step(model, each) for each in loader]\n"
    )
    train = (
        TRAIN.format(call="pass", behind="sum(losses(net, [batch])).backward()")
        + "\n\ndef test(loader):\n    net.load_state_dict(torch.load('net.pt'))\n    return losses(net, loader)\n"
        + "\n\nprint(test(train_loader))\n"
    ).replace("from common import step", "from between import losses")
    files, findings = _found(common=HELPER, between=between, train=train)
    done = _mended(files, findings)

    assert list(done) == ["train.py"]
    assert done["train.py"] == train.replace("return losses", "net.eval()\n    return losses")


def test_helper_of_an_evaluation_alone_is_changed() -> None:
    files, findings = _found(common=HELPER, test=TEST)

    assert list(_mended(files, findings)) == ["common.py"]


def test_evaluation_is_told_of_at_its_own_call_and_by_the_name_there() -> None:
    for evaluation in (
        "def ask(network, loader):\n    for batch in loader:\n        print(step(network, batch).item())\n",
        "def ask(network, loader):\n    for batch in loader:\n        print(step(batch=batch, model=network).item())\n",
    ):
        text = (
            f"{HELPER}\n{evaluation}\n"
            "net = resnet18(num_classes=10)\n"
            "optimizer = torch.optim.SGD(net.parameters(), lr=0.1)\n"
            "for batch in torch.load('train'):\n    loss = step(net, batch)\n    optimizer.zero_grad()\n"
            "    loss.backward()\n    optimizer.step()\n"
            "ask(net, torch.load('test'))\n"
        )
        files, (found,) = _found(a=text)
        assert found.place is not None
        done = _mended(files, [found])["a.py"]

        assert files["a.py"].lines.line(found.place.line).strip().startswith("print(step(")
        assert found.remedy.startswith("Write network.eval() before this")
        assert "    network.eval()\n    for batch in loader:" in done
        assert done.count(".eval()") == 1


def test_nothing_is_put_where_one_call_is_for_both() -> None:
    text = (
        f"{HELPER}\n"
        "net = resnet18(num_classes=10)\n"
        "optimizer = torch.optim.SGD(net.parameters(), lr=0.1)\n"
        "for phase in ('train', 'val'):\n"
        "    for batch in torch.load(phase):\n"
        "        loss = step(net, batch)\n"
        "        if phase == 'train':\n"
        "            optimizer.zero_grad()\n            loss.backward()\n            optimizer.step()\n"
        "        else:\n            print(loss.item())\n"
    )
    files, findings = _found(a=text)

    assert not _mended(files, findings)
