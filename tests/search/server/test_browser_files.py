"""The page's files: both languages say the same, every text and file that is used exists, nothing is from outside."""

import json
import re
import string
from pathlib import Path

import pytest

from search.desk.refusals import SENTENCES

WEB = Path("search/server/web")
LANGUAGES = ("de", "en")
PLURALS = {"one", "other"}


@pytest.fixture(scope="module")
def web(repository: Path) -> Path:
    return repository / WEB


@pytest.fixture(scope="module")
def texts(web: Path) -> dict[str, dict[str, str | dict[str, str]]]:
    return {one: json.loads((web / "texts" / f"{one}.json").read_text(encoding="utf-8")) for one in LANGUAGES}


def scripts(web: Path) -> dict[str, str]:
    return {str(file.relative_to(web)): file.read_text(encoding="utf-8") for file in sorted(web.rglob("*.js"))}


def used_keys(web: Path) -> set[str]:
    return {key for code in scripts(web).values() for key in re.findall(r"\bt\(\s*\"([^\"]+)\"", code)}


def places(text: str | dict[str, str]) -> set[str]:
    forms = [text] if isinstance(text, str) else list(text.values())
    return {name for form in forms for _, name, _, _ in string.Formatter().parse(form) if name}


def test_each_language_has_one_file(web: Path) -> None:
    assert sorted(file.stem for file in (web / "texts").glob("*.json")) == sorted(LANGUAGES)
    (table,) = re.findall(r"const LANGUAGES = \{([^}]+)\}", (web / "scripts/shared/texts.js").read_text("utf-8"))
    assert sorted(re.findall(r"(\w+):", table)) == sorted(LANGUAGES)


def test_both_languages_have_the_same_keys_with_the_same_places(
    texts: dict[str, dict[str, str | dict[str, str]]],
) -> None:
    assert texts["en"].keys() == texts["de"].keys()
    for key, english in texts["en"].items():
        german = texts["de"][key]
        assert places(english) == places(german), key
        assert isinstance(english, dict) == isinstance(german, dict), key
        for text in (english, german):
            assert text, key
            assert isinstance(text, str) or text.keys() == PLURALS, key


def test_keys_are_in_order_and_each_stands_once(web: Path) -> None:
    for one in LANGUAGES:
        pairs = json.loads((web / "texts" / f"{one}.json").read_text("utf-8"), object_pairs_hook=list)
        keys = [key for key, _ in pairs]
        assert keys == sorted(set(keys)), one


def test_every_text_that_is_used_exists_and_every_one_is_used(
    web: Path, texts: dict[str, dict[str, str | dict[str, str]]]
) -> None:
    used = used_keys(web)
    assert used - texts["en"].keys() == set()
    # What the server says is looked up by its code, see below.
    assert {key for key in texts["en"].keys() - used if not key.startswith("server.")} == set()
    # A key that is made while the page runs could not be looked for here.
    computed = {name for name, code in scripts(web).items() if re.search(r"(?<![.\w])t\((?!\s*\")", code)}
    assert computed <= {"scripts/shared/texts.js"}


def codes_in(folder: Path, pattern: str) -> set[str]:
    return {code for file in sorted(folder.rglob("*.py")) for code in re.findall(pattern, file.read_text("utf-8"))}


def test_everything_that_the_server_says_is_there_in_both_languages(
    repository: Path, texts: dict[str, dict[str, str | dict[str, str]]]
) -> None:
    """Its refusals, why there is no verdict, what speaks against one, and what makes a picture a weak example."""
    verdicts = codes_in(repository / "search", r'\bcode="(\w+)"')
    assert {code.partition("_")[0] for code in verdicts} == {"why", "doubt", "several"}  # the last one is an example
    verdicts -= {"several_pictures"}
    said = {key.removeprefix("server.") for key in texts["en"] if key.startswith("server.")}
    assert said == SENTENCES.keys() | verdicts
    for code, sentence in SENTENCES.items():
        assert texts["en"][f"server.{code}"] == sentence
    for code in said - {"cannot_be_met"}:
        assert texts["en"][f"server.{code}"] != texts["de"][f"server.{code}"], code
    hints = codes_in(repository / "search" / "desk", r'\bHint\("(\w+)"')
    assert hints == {"nobody", "several", "too_small", "cut_off", "blurred", "own_frame"}
    shown = (repository / WEB / "scripts/person/hints.js").read_text("utf-8")
    assert not {code for code in hints if f"{code}: t(" not in shown}


def test_every_refusal_has_its_sentence_and_every_sentence_is_said(repository: Path) -> None:
    kinds = "Unusable|NotThere|NoPicture|TooLarge|TooMany|NotReady|Refusal"
    raised = codes_in(repository / "search", rf'\b(?:{kinds})\(\s*"(\w+)"')
    raised |= codes_in(repository / "search" / "server", r'\b(?:Refused\(\d+, |told\()\s*"(\w+)"')
    raised |= codes_in(repository / "search" / "server", r'\b\d{3}: "(\w+)"')
    raised |= codes_in(repository / "search" / "desk", r'(?:return|why =) "(footage_\w+)"')
    assert raised == SENTENCES.keys()


def test_every_file_that_is_named_is_there(web: Path) -> None:
    page = (web / "index.html").read_text("utf-8")
    named = set(re.findall(r"(?:href|src)=\"/([^\"]+)\"", page))
    for style in (web / "style").glob("*.css"):
        assert f"style/{style.name}" in named, f"{style.name} is not in index.html"
        named |= set(re.findall(r"url\(\"/([^\"]+)\"\)", style.read_text("utf-8")))
    assert {name for name in named if not (web / name).is_file()} == set()
    for name, code in scripts(web).items():
        for target in re.findall(r"^import .* from \"([^\"]+)\";", code, flags=re.MULTILINE):
            assert (web / name).parent.joinpath(target).resolve().is_file(), f"{name} imports {target}"


def test_every_icon_that_is_drawn_is_in_the_sprite(web: Path) -> None:
    drawn = set(re.findall(r"<symbol id=\"([^\"]+)\"", (web / "icons.svg").read_text("utf-8")))
    named = {
        name for code in scripts(web).values() for name in re.findall(r"\bicon\(\"(\w+)\"|\bicon: \"(\w+)\"", code)
    }
    assert {one or other for one, other in named} <= drawn


def test_nothing_is_inline_and_nothing_is_from_elsewhere(web: Path) -> None:
    page = (web / "index.html").read_text("utf-8")
    assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*\ssrc=)", page)
    for file in [*web.rglob("*.js"), *web.rglob("*.css"), *web.rglob("*.html"), *web.rglob("*.svg")]:
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(?:https?:)?//[\w-]+\.\w+", text), f"{file.name} names another machine"
    for name, code in scripts(web).items():
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", code), name
        assert not re.search(r"setAttribute\(\"style\"", code), name


def test_only_one_file_asks_the_server(web: Path) -> None:
    asking = {name for name, code in scripts(web).items() if re.search(r"\bfetch\(|XMLHttpRequest|WebSocket", code)}
    assert asking == {"scripts/shared/api.js", "scripts/shared/texts.js"}
