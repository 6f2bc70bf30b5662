"""Pickles that run something when they are loaded: each is proven to be live, and then read without effect."""

from __future__ import annotations

import codecs
import io
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.formats import read
from steadynorm.errors import UnusableInputError

torch = pytest.importorskip("torch")

LOAD = "import pickle, sys\ntry: pickle.load(open(sys.argv[1], 'rb'))\nexcept Exception: pass"


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def named(path: str) -> bytes:
    module, _, name = path.rpartition(".")
    return f"c{module}\n{name}\n".encode()


def called(path: str, *arguments: bytes) -> bytes:
    return named(path) + b"(" + b"".join(arguments) + b"tR"


def stacked(module: str, name: str, *arguments: bytes) -> bytes:
    return text(module) + text(name) + b"\x93(" + b"".join(arguments) + b"tR"


def listed(*items: bytes) -> bytes:
    return b"](" + b"".join(items) + b"e"


def counted(data: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(data)) + data


def touch(marker: Path) -> bytes:
    return text(f"touch {marker}")


def code(marker: Path) -> bytes:
    return text(f"open({str(marker)!r}, 'w').close()")


# Each takes the file that it would write, and gives what stands between a pickle's header and its end.
LIVE: dict[str, Callable[[Path], bytes]] = {
    "os.system": lambda at: called("os.system", touch(at)),
    "posix.system": lambda at: called("posix.system", touch(at)),
    "builtins.eval": lambda at: called("builtins.eval", code(at)),
    "builtins.exec": lambda at: called("builtins.exec", code(at)),
    "python 2's name": lambda at: called("__builtin__.eval", code(at)),
    "subprocess.Popen": lambda at: called("subprocess.call", listed(text("touch"), text(str(at)))),
    "name from the stack": lambda at: stacked("os", "system", touch(at)),
    "dotted name": lambda at: stacked("pathlib", "os.system", touch(at)),
    "instance, old": lambda at: b"(" + touch(at) + b"ios\nsystem\n",
    "object, old": lambda at: b"(" + named("os.system") + touch(at) + b"o",
    "new object": lambda at: named("subprocess.Popen") + b")\x81" + called("os.system", touch(at)),
    "new object with names": lambda at: (
        named("subprocess.Popen") + b")}\x92" + called("os.system", touch(at))
    ),
    "getattr": lambda at: (
        called("builtins.getattr", called("builtins.__import__", text("os")), text("system"))
        + b"(" + touch(at) + b"tR"
    ),
    "operator.attrgetter": lambda at: (
        called("operator.attrgetter", text("system")) + b"(" + called("importlib.import_module", text("os")) + b"tR"
        b"(" + touch(at) + b"tR"
    ),
    "functools.partial": lambda at: called("functools.partial", named("os.system"), touch(at)) + b")R",
    "map": lambda at: called("builtins.list", called("builtins.map", named("os.system"), listed(touch(at)))),
    "pickle in a pickle": lambda at: called("pickle.loads", counted(b"\x80\x02" + LIVE["os.system"](at) + b".")),
    "state that is set": lambda at: (
        named("collections.OrderedDict") + b")R" + called("builtins.eval", code(at)) + b"b"
    ),
    "extension registry": lambda at: (
        called("copyreg.add_extension", text("os"), text("system"), b"K\x07") + b"0\x82\x07(" + touch(at) + b"tR"
    ),
    "reconstructor": lambda at: called(
        "copyreg._reconstructor", named("builtins.object"), named("builtins.object"), b"N"
    ) + b"0" + called("posix.system", touch(at)),
    "within a state dict": lambda at: b"}(" + text("weight") + called("os.system", touch(at)) + b"u",
    "as a key": lambda at: b"}(" + called("os.system", touch(at)) + b"K\x01u",
    "thrown away": lambda at: called("os.system", touch(at)) + b"0}",
    "kept in the memo": lambda at: called("os.system", touch(at)) + b"q\x00" + b"0h\x00",
    "pty.spawn": lambda at: called("pty.spawn", listed(text("touch"), text(str(at)))),
    "runpy": lambda at: called("runpy._run_code", called("builtins.compile", code(at), text("a"), text("exec")), b"}"),
    "timeit": lambda at: called(
        "timeit.timeit", code(at), text("pass"), named("time.perf_counter"), b"K\x01"
    ),
    "cProfile": lambda at: called("cProfile.run", code(at)),
    "profile": lambda at: called("profile.run", code(at)),
    "asyncio": lambda at: called(
        "asyncio.run", called("asyncio.create_subprocess_shell", touch(at))
    ),
    "uuid": lambda at: called("uuid._get_command_stdout", text("touch"), text(str(at))),
    "pydoc": lambda at: called("pydoc.pipepager", text(""), touch(at)),
    "numpy.f2py": lambda at: called("numpy.f2py.crackfortran.getlincoef", code(at), b"}"),
    "numpy.testing": lambda at: called("numpy.testing._private.utils.runstring", code(at), b"}"),
    "numpy.load": lambda at: called("numpy.distutils.exec_command.exec_command", touch(at))
    if sys.version_info < (3, 12) else called("os.system", touch(at)),
    "it ends nowhere": lambda at: called("os.system", touch(at)) + b"\xff",
    "it breaks afterwards": lambda at: called("os.system", touch(at)) + b"00000",
    "in a frame": lambda at: (
        b"\x95" + struct.pack("<Q", len(LIVE["name from the stack"](at)) + 1) + LIVE["name from the stack"](at)
    ),
}  # fmt: skip

NOT_IN_EVERY_NUMPY = {"numpy.f2py", "numpy.testing", "numpy.load"}


def pickled(body: bytes, protocol: int = 4) -> bytes:
    return bytes([0x80, protocol]) + body + b"."


def archive(pickle_bytes: bytes, **others: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("model/data.pkl", pickle_bytes)
        for name, data in others.items():
            file.writestr(f"model/{name.replace('__', '/')}", data)
    return buffer.getvalue()


def survived(path: Path, marker: Path) -> Contents | UnusableInputError:
    """Reads a file; nothing may be written, and no module imported that was not there before."""
    before = set(sys.modules)
    found: Contents | UnusableInputError
    try:
        found = read(path)
    except UnusableInputError as error:
        found = error
    assert isinstance(found, Contents) or "\n" not in str(found)
    assert not marker.exists()
    assert not {name for name in set(sys.modules) - before if not name.startswith("steadynorm")}
    return found


@pytest.fixture(autouse=True)
def _readers() -> None:
    """The readers themselves are imported when the first file comes, as are the names of archives."""
    codecs.lookup("cp437")
    for name in ("torch_archive", "torch_legacy", "torch_script", "torch_program"):
        __import__(f"steadynorm.artifacts.{name}")


@pytest.mark.parametrize("attack", LIVE)
def test_nothing_of_a_pickle_is_run(tmp_path: Path, attack: str) -> None:
    marker, path = tmp_path / "marker", tmp_path / "model.bin"
    path.write_bytes(pickled(LIVE[attack](marker), 2 if attack == "python 2's name" else 4))
    subprocess.run([sys.executable, "-c", LOAD, str(path)], capture_output=True, check=False)
    if not marker.exists() and attack in NOT_IN_EVERY_NUMPY:
        pytest.skip("this version of NumPy has another function there")
    assert marker.exists(), "the attack does not work: it proves nothing"
    marker.unlink()

    found = survived(path, marker)
    assert isinstance(found, UnusableInputError)

    path.write_bytes(archive(path.read_bytes()))
    survived(path, marker)


def test_the_error_says_what_loading_would_import(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(archive(pickled(LIVE["os.system"](tmp_path / "marker"))))

    found = survived(path, tmp_path / "marker")
    assert "nothing in it was loaded or run; loading it would import os.system" in str(found)


def test_the_tensors_beside_an_attack_are_read_and_the_attack_is_named(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> Any:
            return eval, (f"open({str(marker)!r}, 'w')",)

    marker, path = tmp_path / "marker", tmp_path / "model.pt"
    torch.save({"state_dict": {"bn.running_mean": torch.ones(3)}, "extra": Attack()}, path)

    found = survived(path, marker)
    assert isinstance(found, Contents)
    assert found.tensors["bn.running_mean"].load().tolist() == [1, 1, 1]
    assert found.facts["foreign"] == ("builtins.eval",)


@pytest.mark.parametrize("place", range(4))
def test_each_pickle_of_a_legacy_file(tmp_path: Path, place: int) -> None:
    marker, path = tmp_path / "marker", tmp_path / "model.pt"
    attack = pickled(LIVE["os.system"](marker), 2)
    parts = [pickle.dumps(each, 2) for each in (1001, {"little_endian": True}, {}, [])]
    parts[place] = attack
    path.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + b"".join(parts))

    assert isinstance(survived(path, marker), UnusableInputError)


def test_pickles_in_other_places_of_an_archive(tmp_path: Path) -> None:
    marker, path = tmp_path / "marker", tmp_path / "model.pt"
    attack = pickled(LIVE["os.system"](marker))
    for name in ("constants.pkl", "byteorder", "version", ".data__serialization_id", "code__a.py", "attributes.pkl"):
        path.write_bytes(archive(pickled(b"}"), **{name: attack}))
        survived(path, marker)


def test_pickled_weights_and_sample_inputs_of_a_program(tmp_path: Path) -> None:
    marker, path = tmp_path / "marker", tmp_path / "model.pt2"
    attack = archive(pickled(LIVE["os.system"](marker)))
    weights = (
        b'{"config": {"w": {"path_name": "w0", "is_param": true, "use_pickle": true, "tensor_meta": {"dtype": 7, '
        b'"sizes": [{"as_int": 1}], "strides": [{"as_int": 1}], "storage_offset": {"as_int": 0}}}}}'
    )
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("m/archive_format", b"pt2")
        file.writestr("m/models/model.json", b'{"graph_module": {"graph": {"nodes": []}}}')
        file.writestr("m/data/weights/model_weights_config.json", weights)
        file.writestr("m/data/weights/w0", attack)
        file.writestr("m/data/sample_inputs/model.pt", attack)

    found = survived(path, marker)
    assert isinstance(found, Contents)
    with pytest.raises(UnusableInputError, match="stored as a pickle of its own"):
        found.tensors["w"].load()


@pytest.mark.parametrize(
    ("flaw", "said"),
    [("two pickles", "two entries|2 entries"), ("another local name", ""), ("encrypted flag", ""), ("7z", "no format")],
)
def test_archives_that_scanners_were_deceived_with(tmp_path: Path, flaw: str, said: str) -> None:
    marker, path = tmp_path / "marker", tmp_path / "model.pt"
    attack = pickled(LIVE["os.system"](marker))
    data = archive(attack)
    if flaw == "two pickles":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("model/data.pkl", pickled(b"}"))
            file.writestr("other/data.pkl", attack)
        data = path.read_bytes()
    elif flaw == "another local name":
        data = data.replace(b"model/data.pkl", b"model/data.txt", 1)
    elif flaw == "encrypted flag":
        data = data[:6] + b"\x01" + data[7:]
    elif flaw == "7z":
        data = b"7z\xbc\xaf\x27\x1c" + attack
    path.write_bytes(data)

    found = survived(path, marker)
    assert isinstance(found, UnusableInputError)
    if said:
        assert any(each in str(found) for each in said.split("|"))


# Bombs: read in a process of their own, whose memory and time are measured.

BOUNDED = """
import sys, time
from steadynorm.artifacts.formats import read
from steadynorm.errors import UnusableInputError
begin = time.process_time()  # of this process alone: the other tests share the processor
try: read(sys.argv[1])
except UnusableInputError as error: assert "\\n" not in str(error)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(time.process_time() - begin, int(peak.split()[1]) / 1024)
"""

MERSENNE = (1 << 61) - 1

BOMBS: dict[str, Callable[[], bytes]] = {
    "memo": lambda: b"}r\xff\xff\xff\xff" + b"p999999999999999999999999\n",
    "long": lambda: b"\x8b\xff\xff\xff\x7f" + b"\xff" * 1000,
    "long that is there": lambda: b"\x8b\x00\x00\x00\x01" + b"\xff" * (1 << 24),
    "digits": lambda: b"I" + b"9" * 1_000_000 + b"\n",
    "string without an end": lambda: b"S'" + b"a" * (1 << 24),
    "string that is not there": lambda: b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",
    "bytes that are not there": lambda: b"\x8e" + b"\xff" * 8,
    "nested lists": lambda: b"]" * 900_000 + b"a" * 899_999,
    "nested tuples": lambda: b")" + b"\x85" * 900_000,
    "nested tuple as a key": lambda: b"})" + b"\x85" * 900_000 + b"K\x01s",
    "nested records": lambda: named("a.b") + b")R" + b"q\x00" + (named("a.b") + b")Rh\x00b") * 200_000,
    "laughs": lambda: b"]" + b"".join(b"q" + bytes([n]) + b"0](h" + bytes([n]) + b"h" + bytes([n]) + b"e"
                                     for n in range(100)),
    "laughing dicts": lambda: b"}" + b"".join(
        b"q" + bytes([n]) + b"0}(K\x01h" + bytes([n]) + b"K\x02h" + bytes([n]) + b"u" for n in range(100)),
    "in itself": lambda: b"]q\x00(h\x00h\x00h\x00e",
    "equal hashes": lambda: b"}(" + b"".join(
        b"\x8a\x0b" + (n * MERSENNE).to_bytes(11, "little") + b"N" for n in range(1, 150_000)) + b"u",
    "empty dicts": lambda: b"(" + b"}" * 20_000_000 + b"t",
    "marks": lambda: b"(" * 20_000_000,
    "numbers": lambda: b"(" + b"K\x01" * 10_000_000 + b"t",
    "names": lambda: b"(" + b"ca\nb\n" * 4_000_000 + b"t",
    "joined names": lambda: b"(" + text("a" * 60_000) + b"q\x00" + b"".join(
        text(str(n)) + b"q\x010h\x00h\x01\x93" for n in range(60_000)) + b"t",
    "sets": lambda: b"\x8f(" + b"\x8f" * 5_000_000 + b"\x90",
    "rebuilt within each other": lambda: called(
        "torch._tensor._rebuild_from_type_v2", named("copyreg.__newobj__"), b"N", b")" + (
            b"q\x010" + named("torch._tensor._rebuild_from_type_v2") + b"Nh\x01\x87"
            b"q\x010" + named("copyreg.__newobj__") + b"h\x01\x86"
        ) * 50_000
    ),
    "lines": lambda: b"(" + (b"V" + b"a" * 60_000 + b"\n") * 2_000 + b"t",
    "many long numbers": lambda: b"(" + (b"\x8b\x00\x04\x00\x00" + b"\x7f" * 1024) * 100_000 + b"t",
    "wide texts": lambda: b"(" + (b"X" + struct.pack("<I", 60_004) + b"a" * 60_000 + "𝄞".encode()) * 2_000 + b"t",
    "doubled": lambda: b"}" + b"2" * 10_000_000,
}  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_stay_small(tmp_path: Path, bomb: str) -> None:
    path = tmp_path / "bomb.pt"
    path.write_bytes(pickled(BOMBS[bomb]()))
    done = subprocess.run([sys.executable, "-c", BOUNDED, str(path)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    seconds, mebibytes = map(float, done.stdout.split())
    assert seconds < 10
    assert mebibytes < 1000
