"""`[tool.steadynorm]` of pyproject.toml."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from steadynorm.errors import UnusableInputError
from steadynorm.options import FailOn
from steadynorm.selection import codes
from steadynorm.settings import Settings, settings_from


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(text)
    return folder


def test_all_options(tmp_path: Path) -> None:
    text = 'select = ["SN1", "sn701"]\nignore = ["SN103"]\nfail-on = "error"\nexclude = ["old", "*.bak"]\n'
    text += 'baseline = "known.json"\n[tool.steadynorm.per-file-ignores]\n"tests/*" = ["SN5", "sn101"]\n'

    assert settings_from(write(tmp_path, f"[tool.steadynorm]\n{text}")) == Settings(
        ("SN1", "SN701"),
        ("SN103",),
        FailOn.ERROR,
        ("old", "*.bak"),
        {"tests/*": ("SN5", "SN101")},
        str(tmp_path / "known.json"),
        str(tmp_path),
    )


def test_without_any_file_everything_is_as_by_default(tmp_path: Path) -> None:
    assert settings_from(write(tmp_path, "[project]\nname = 'x'\n[tool]\nother = 1\n")) == Settings()


def test_nearest_file_that_says_something_holds(tmp_path: Path) -> None:
    write(tmp_path, '[tool.steadynorm]\nselect = ["SN1"]\n')
    write(tmp_path / "a", '[tool.steadynorm]\nselect = ["SN2"]\n')
    write(tmp_path / "a" / "b", "[project]\nname = 'b'\n")

    assert settings_from(tmp_path / "a" / "b").select == ("SN2",)
    assert settings_from(tmp_path).select == ("SN1",)


def test_relative_folder_is_looked_for_upwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, '[tool.steadynorm]\nfail-on = "never"\n')
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")

    assert settings_from(Path()).fail_on is FailOn.NEVER


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.steadynorm]\nslect = []", "[tool.steadynorm] has no option 'slect'; did you mean 'select'?"),
        ("[tool.steadynorm]\nfail_on = 'error'", "has no option 'fail_on'; did you mean 'fail-on'?"),
        ("[tool.steadynorm]\nq = 1", "has no option 'q'; it may have select, ignore, fail-on, exclude, per"),
        ("[tool.steadynorm]\nbaseline = 3", "'baseline' of [tool.steadynorm] is 3; expected the name of a file"),
        ("[tool.steadynorm]\nper-file-ignores = 3", "'per-file-ignores' of [tool.steadynorm] is 3; expected a table"),
        (
            "[tool.steadynorm.per-file-ignores]\na = 'SN1'",
            "'per-file-ignores.a' of [tool.steadynorm] is 'SN1'; expected a list of codes",
        ),
        ("[tool.steadynorm.per-file-ignores]\na = ['SN999']", "[tool.steadynorm]: there is no check 'SN999'"),
        ("[tool.steadynorm]\nselect = 'SN1'", "'select' of [tool.steadynorm] is 'SN1'; expected a list of codes"),
        ("[tool.steadynorm]\nignore = [1]", "'ignore' of [tool.steadynorm] is [1]; expected a list of codes"),
        ("[tool.steadynorm]\nexclude = true", "'exclude' of [tool.steadynorm] is True; expected a list of names"),
        ("[tool.steadynorm]\nselect = ['SN999']", "[tool.steadynorm]: there is no check 'SN999'; the nearest are"),
        (
            "[tool.steadynorm]\nfail-on = 'fatal'",
            '\'fail-on\' of [tool.steadynorm] is \'fatal\'; expected one of "info", "warning", "error", "never"',
        ),
        ("[tool.steadynorm]\nfail-on = ['error']", "'fail-on' of [tool.steadynorm] is ['error']; expected one of"),
        ("[tool]\nsteadynorm = 3", "tool.steadynorm is 3; expected a table, [tool.steadynorm]"),
        ("[tool.steadynorm\n", "is not valid TOML: "),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_file(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UnusableInputError, match=re.escape(said)) as raised:
        settings_from(write(tmp_path, text))

    assert str(raised.value).startswith(f"{tmp_path / 'pyproject.toml'}: ")
    assert "\n" not in str(raised.value)


def test_file_that_is_not_utf8_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b'[tool.steadynorm]\nexclude = ["caf\xe9"]\n')

    with pytest.raises(UnusableInputError, match=r"is not UTF-8 \(byte 33\)"):
        settings_from(tmp_path)


@pytest.mark.parametrize("named", ["sn501, SN2", ["SN501", "SN2"], ["SN501,SN2", "SN501"]])
def test_codes_are_one_text_or_several(named: str | list[str]) -> None:
    assert codes(named) == ("SN501", "SN2")
