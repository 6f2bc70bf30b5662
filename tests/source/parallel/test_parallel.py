"""Two processes find in a project what one finds, and the parts of a project what the whole project gives."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from steadynorm.program import Program
from steadynorm.source.reader import read
from steadynorm.source.reading.files import SourceFile, read_source
from steadynorm.source.symbolic import dividing
from steadynorm.source.symbolic.dividing import divided
from steadynorm.source.symbolic.modules import project_of

Running = Callable[..., subprocess.CompletedProcess[str]]

HERE = Path(__file__).parent.parent
FOLDERS = sorted(each for each in HERE.glob("SN???/*") if each.is_dir() and not each.name.startswith("__"))

NET = """
    import torch.nn as nn
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU())
            self.head = nn.Linear(8, 10)
        def forward(self, x):
            return self.head(self.stem(x).mean((2, 3)))
"""
PREDICTOR = """
    import torch
    from net import Net
    class Predictor:
        def __init__(self, path):
            self.model = Net()
            self.model.load_state_dict(torch.load(path))
        def ready(self):
            self.model.eval()
        @torch.no_grad()
        def predict(self, x):
            return self.model(x).argmax(1)
"""
SERVE = """
    import torch
    from {module} import Predictor
    predictor = Predictor("net.pt")
    {ready}
    print(predictor.predict(torch.load("x.pt")))
"""
OTHER = """
    import torch
    from net import Net
    class Measured{number}:
        def __init__(self):
            self.model = Net()
        @torch.no_grad()
        def accuracy(self, x, y):
            self.model.eval()
            return (self.model(x).argmax(1) == y).float().mean()
"""
HEAVY = f"    # {'What is long is in a part of its own. ' * 20}"
SERVED = """
    def serve(path, x):
        predictor = Predictor(path)
        predictor.ready()
        return predictor.predict(x)
"""
SERVED_BY = """
    import torch
    from server import serve
    # Needs no .eval(): it has been called.
    serve("net.pt", {data})
"""
TABLE = """
    import torch
    MODELS = {}
    def make(name):
        model = MODELS[name]()
        model.eval()
        return model
"""
NOTED = """
    import torch
    from net import Net
    from table import MODELS
    class {name}(Net):
        # Whoever makes it calls its .eval().
        pass
    MODELS["{name}"] = {name}
"""
FAULTY = """
    import torch
    from net import Net
    net = Net()
    net.load_state_dict(torch.load("net.pt"))
    with torch.no_grad():
        print(net(torch.load("x{number}.pt")).argmax(1))
"""
FAULTS = {"net": NET, "a": FAULTY.format(number=1), "b": FAULTY.format(number=2)}
OTHERS = {"other1": OTHER.format(number=1), "other2": OTHER.format(number=2), "other3": OTHER.format(number=3)}

PROJECTS = {
    # Somebody else's module has the eval(): by an import, by a star import that nobody sees in the text, in both parts.
    "imported": {
        "net": NET,
        "server": PREDICTOR,
        "serve": SERVE.format(module="server", ready="predictor.ready()"),
        **OTHERS,
    },
    "by star": {
        "net": NET,
        "server": PREDICTOR,
        "api": "from server import *",
        "serve": SERVE.format(module="api", ready="predictor.ready()") + HEAVY,
        "other": OTHER.format(number=6),
    },
    "in both parts": {
        "net": NET,
        "server": PREDICTOR,
        "serve": SERVE.format(module="server", ready="predictor.ready()"),
        "batch": SERVE.format(module="server", ready="predictor.ready()"),
    },
    "forgotten in one part": {
        "net": NET,
        "server": PREDICTOR,
        "serve": SERVE.format(module="server", ready="predictor.ready()"),
        "batch": SERVE.format(module="server", ready=""),
    },
    "by a function of the shared module": {
        "net": NET,
        "server": PREDICTOR + SERVED,
        "a": SERVED_BY.format(data="torch.zeros(1)"),
        "b": SERVED_BY.format(data="torch.ones(1)"),
        "normal": OTHER.format(number=4),
    },
    "noted in a table": {
        "net": NET,
        "table": TABLE,
        "one": NOTED.format(name="One"),
        "two": NOTED.format(name="Two"),
        "use": "import torch\nfrom table import make\nwith torch.no_grad():\n    print(make('One')(torch.load('x')))",
    },
    "faults in both parts": FAULTS,
}
FOUND = {"forgotten in one part": {"SN201"}, "faults in both parts": {"SN201"}}
"""The others are right."""


@pytest.fixture
def parted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every project is divided that can be."""
    monkeypatch.setattr(dividing, "WORTH", 0)
    monkeypatch.setattr(dividing, "MOST_SHARED", 1)
    monkeypatch.setattr(dividing, "MOST_OF_ALL", 0.8)


def _files(*folders: Path) -> list[SourceFile]:
    paths = [each for folder in folders for each in sorted(folder.rglob("*")) if each.suffix in (".py", ".ipynb")]
    return [file for path in paths if (file := read_source(str(path))) is not None]


def _whole(files: list[SourceFile], monkeypatch: pytest.MonkeyPatch) -> Program:
    with monkeypatch.context() as patched:
        patched.setattr(dividing, "WORTH", 1 << 40)
        return read(files)


def _write(folder: Path, sources: dict[str, str]) -> list[Path]:
    for name, text in sources.items():
        lines = text.replace("\n    ", "\n").lstrip("\n") if text.startswith("\n") else text
        (folder / f"{name}.py").write_text(lines)
    return sorted(folder.glob("*.py"))


def _told(program: Program) -> list[str]:
    return [repr(each) for each in (program.sightings, program.normalizations, program.unseen)]


@pytest.mark.usefixtures("parted")
@pytest.mark.parametrize("number", range(len(FOLDERS)), ids=lambda number: "/".join(FOLDERS[number].parts[-2:]))
def test_two_projects_beside_each_other_give_what_they_give_as_a_whole(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = _files(FOLDERS[number], FOLDERS[number - 1])
    assert read(files) == _whole(files, monkeypatch)


@pytest.mark.usefixtures("parted")
@pytest.mark.parametrize("name", PROJECTS)
def test_the_parts_of_a_project_give_what_it_gives_as_a_whole(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path, PROJECTS[name])
    files = _files(tmp_path)
    program = read(files)
    assert _told(program) == _told(_whole(files, monkeypatch))
    assert {each.code for each in program.sightings} == FOUND.get(name, set())


@pytest.mark.parametrize("name", PROJECTS)
def test_two_processes_give_what_one_gives(name: str, tmp_path: Path, run_in_two: Running) -> None:
    done = run_in_two(
        "from steadynorm.source.reader import read\n"
        "from steadynorm.source.reading.files import read_source\n"
        "files = [read_source(path) for path in sys.argv[1:]]\n"
        "two = parallel.read_in_two(files, lambda: None)\n"
        "print(json.dumps([two is not None, two in (None, read(files))]))\n",
        *_write(tmp_path, PROJECTS[name]),
    )
    in_two, same = json.loads(done.stdout)
    assert same
    assert in_two == (name not in ENTANGLED)


@pytest.mark.parametrize("faster", [0, 1])
def test_it_does_not_matter_which_process_is_faster(faster: int, tmp_path: Path, run_in_two: Running) -> None:
    """The other one waits: the second until the first has nothing to do but to wait, the first for all answers."""
    done = run_in_two(
        "import time\n"
        "from steadynorm.source.reader import read\n"
        "from steadynorm.source.reading.files import read_source\n"
        "first, run_part, second_part = os.getpid(), parallel.Parted.run_part, parallel._second_part\n"
        "def run(parted, number):\n"
        "    found = run_part(parted, number)\n"
        f"    mine = number == {1 - faster} and (number == 0 or os.getpid() != first)\n"
        "    while mine and not Path('goes on').exists():\n"
        "        time.sleep(0.01)\n"
        "    return found\n"
        "def second(parted, division, files, answer):\n"
        "    second_part(parted, division, files, answer)\n"
        "    answer.flush()\n"
        "    Path('goes on').touch()\n"
        "parallel.Parted.run_part, parallel._second_part = run, second\n"
        "waited = []\n"
        "def meanwhile():\n"
        "    waited.append(True)\n"
        "    Path('goes on').touch()\n"
        "files = [read_source(path) for path in sys.argv[1:]]\n"
        "print(json.dumps([parallel.read_in_two(files, meanwhile) == read(files), waited]))\n",
        *_write(tmp_path, FAULTS),
        cwd=tmp_path,
    )
    assert json.loads(done.stdout) == [True, [True] if faster == 0 else []]
    assert done.stderr == "fork\n"


ENTANGLED = {"by star"}
"""Projects with an import between two parts that the text does not show: one process reads them."""


def test_all_fixtures_of_pytorch_give_the_same_in_two_processes(run_in_two: Running) -> None:
    paths = [each for each in sorted(HERE.glob("SN???/torch_*.py")) if ".fixed" not in each.name]
    paths = [each for each in paths if not {"add_argument(", "import keras", "import jax"} & _words(each)]
    done = run_in_two(
        "from steadynorm.source.reader import read\n"
        "from steadynorm.source.reading.files import read_source\n"
        "files = [read_source(path) for path in sys.argv[1:]]\n"
        "print(parallel.read_in_two(files, lambda: None) == read(files))\n",
        *paths,
    )
    assert (done.stdout, done.stderr) == ("True\n", "fork\n")


def _words(path: Path) -> set[str]:
    text = path.read_text()
    return {each for each in ("add_argument(", "import keras", "import jax") if each in text}


@pytest.mark.parametrize("faulty", ["a", "b", "net"])
def test_a_file_that_cannot_be_parsed_is_told_as_by_one_process(
    faulty: str, tmp_path: Path, run_in_two: Running
) -> None:
    paths = _write(tmp_path, {**FAULTS, faulty: FAULTS[faulty] + "\ndef f(:\n"})
    code = "from steadynorm.cli import main\nsys.argv[1:] = ['check', '.', '--format', 'json']\nmain()\n"
    two = run_in_two(code, cwd=tmp_path)
    one = run_in_two(f"parallel._may_fork = lambda: False\n{code}", cwd=tmp_path)
    assert len(paths) == 3
    assert (two.stdout, two.returncode) == (one.stdout, 2)
    assert f"{faulty}.py" in two.stderr
    assert two.stderr.removeprefix("fork\n") == one.stderr


@pytest.mark.parametrize("options", [(), ("--diff",), ("--format", "json"), ("--format", "sarif")])
def test_the_command_writes_the_same_once(options: tuple[str, ...], tmp_path: Path, run_in_two: Running) -> None:
    _write(tmp_path, FAULTS)
    code = (
        f"from steadynorm.cli import main\nsys.argv[1:] = ['check', '.', *{options!r}]\n"
        "print('said at first', flush=False)\nmain()\n"
    )
    two = run_in_two(code, cwd=tmp_path)
    one = run_in_two(f"parallel._may_fork = lambda: False\n{code}", cwd=tmp_path)
    assert "fork" in two.stderr
    assert "fork" not in one.stderr
    assert (two.stdout, two.returncode) == (one.stdout, one.returncode)
    assert two.stdout.count("said at first") == 1


def test_a_small_project_has_one_process(tmp_path: Path, run_in_two: Running) -> None:
    paths = _write(tmp_path, FAULTS)
    done = run_in_two(
        "dividing.WORTH = 1_000_000\n"
        "from steadynorm.source_check import SourceTask, check_sources\n"
        "check_sources(sys.argv[1:], SourceTask(), set())\n",
        *paths,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("parted")
def test_modules_that_import_each_other_stay_together(tmp_path: Path) -> None:
    _write(tmp_path, {**PROJECTS["imported"], "again": OTHER.format(number=5)})
    project = project_of(_files(tmp_path))
    division = divided(project, project.modules)
    assert division is not None
    assert [each.name for each in division.shared] == ["net"]
    assert {"server", "serve"} <= {each.name for each in division.parts[0]} or {"server", "serve"} <= {
        each.name for each in division.parts[1]
    }


KNOWN = {
    "a comment": ({"a": FAULTS["a"].replace(".argmax(1))", ".argmax(1))  # steadynorm: ignore[SN201]")}, ()),
    "a comment that is not needed": ({"net": f"{NET}    # steadynorm: ignore[SN101]\n"}, ()),
    "a rule for a file": (
        {"pyproject": '[tool.steadynorm.per-file-ignores]\n"b.py" = ["SN201"]\n'},
        (),
    ),
    "a baseline": ({}, ("--baseline", "known.json")),
    "a baseline of the errors and a file that cannot be parsed": (
        {"broken": "def f(:\n    batch_norm\n"},
        ("--baseline", "known.json"),
    ),
    "sarif and a file that cannot be parsed": ({"broken": "def f(:\n    batch_norm\n"}, ("--format", "sarif")),
}


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_known_is_left_out_as_by_one_process(name: str, tmp_path: Path, run_in_two: Running) -> None:
    changed, options = KNOWN[name]
    _write(tmp_path, {**FAULTS, **{key: text for key, text in changed.items() if key != "pyproject"}})
    (tmp_path / "pyproject.toml").write_text(changed.get("pyproject", ""))
    write = ["check", "a.py", "net.py", "--write-baseline", "known.json"]
    if options[:1] == ("--baseline",):
        run_in_two(f"from steadynorm.cli import main\nsys.argv[1:] = {write!r}\nmain()\n", cwd=tmp_path)
        assert (tmp_path / "known.json").exists()
    code = f"from steadynorm.cli import main\nsys.argv[1:] = ['check', '.', *{options!r}]\nmain()\n"
    two = run_in_two(code, cwd=tmp_path)
    one = run_in_two(f"parallel._may_fork = lambda: False\n{code}", cwd=tmp_path)

    assert "fork" in two.stderr
    assert "fork" not in one.stderr
    assert (two.stdout, two.returncode) == (one.stdout, one.returncode)
    assert two.stderr.replace("fork\n", "") == one.stderr
    assert ("a.py" in two.stdout) is (name != "a comment" and "baseline" not in name)


@pytest.mark.parametrize("options", [(), ("--fix",), ("--fix", "--unsafe-fixes"), ("--format", "sarif")])
def test_notebooks_and_fixes_are_the_same_by_two_processes(
    options: tuple[str, ...], tmp_path: Path, run_in_two: Running
) -> None:
    texts = []
    for forks in (True, False):
        folder = tmp_path / str(forks)
        folder.mkdir()
        _write(folder, {**FAULTS, "c": FAULTY.format(number=3), "sized": OTHER.format(number=7)})
        cells = [
            {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": each}
            for each in (
                "import torch\nfrom net import Net\n",
                "net = Net()\nnet.load_state_dict(torch.load('n'))\n",
                "with torch.no_grad():\n    print(net(torch.load('x')).argmax(1))\n",
            )
        ]
        (folder / "n.ipynb").write_text(
            json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        )
        code = f"from steadynorm.cli import main\nsys.argv[1:] = ['check', '.', *{options!r}]\nmain()\n"
        done = run_in_two(code if forks else f"parallel._may_fork = lambda: False\n{code}", cwd=folder)
        assert ("fork" in done.stderr) is forks
        written = {each.name: each.read_text() for each in sorted(folder.iterdir())}
        texts.append((done.stdout, done.stderr.replace("fork\n", ""), done.returncode, written))

    assert texts[0] == texts[1]
    assert ("net.eval()" in texts[0][3]["n.ipynb"]) is ("--fix" in options)
