"""The documents tell the truth about what a program can check: links, names of
files, make targets, boot options; and every document is reachable."""
import functools
import glob
import json
import os
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = sorted(p for p in ROOT.rglob("*.md")
              if not {"build", ".git"} & set(p.relative_to(ROOT).parts))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE_SPAN = re.compile(r"`([^`]+)`")
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
FOLDERS = ("arch/", "boot/", "docs/", "drivers/", "guest/", "include/", "mm/",
           "tests/", "tools/", "vmm/")
START = ("README.md", "docs/reading-order.md")


def name(path):
    return str(path.relative_to(ROOT))


@functools.lru_cache(maxsize=None)
def text_of(path):
    return path.read_text(encoding="utf-8")


def links_of(path):
    """Relative links of a document, without their fragments."""
    out = []
    for link in LINK.findall(FENCE.sub("", text_of(path))):
        if not re.match(r"[a-z]+:|#", link):
            out.append(link.split("#")[0])
    return out


@functools.lru_cache(maxsize=None)
def make_targets():
    """Targets of the Makefile and of the files that it includes."""
    makefile = text_of(ROOT / "Makefile")
    files = re.search(r"^include (.*?)[^\\]$", makefile, re.M | re.S)
    texts = [makefile] + [text_of(ROOT / f)
                          for f in re.findall(r"\S+\.mk", files.group(0))]
    found = set()
    for text in texts:
        for line in re.findall(r"^([A-Za-z0-9_ -]+):(?!=)", text, re.M):
            found |= set(line.split())
        for line in re.findall(r"^\.PHONY:(.*)$", text, re.M):
            found |= set(line.split())
    return found


@pytest.mark.parametrize("doc", DOCS, ids=name)
def test_relative_links_lead_somewhere(doc):
    broken = [link for link in links_of(doc)
              if not (doc.parent / link).exists()]
    assert not broken, f"{name(doc)}: no such file: {broken}"


@pytest.mark.parametrize("doc", DOCS, ids=name)
def test_make_targets_exist(doc):
    text = text_of(doc)
    code = FENCE.findall(text) + CODE_SPAN.findall(FENCE.sub("", text))
    named = {t for c in code
             for t in re.findall(r"(?:^|[\s`;&])make ([a-z][a-z0-9-]*)", c)}
    assert not named - make_targets(), \
        f"{name(doc)}: no such target: {sorted(named - make_targets())}"


@pytest.mark.parametrize("doc", DOCS, ids=name)
def test_named_files_exist(doc):
    """`folder/file` in code type is a path from the root of the tree. A word
    in capitals in it stands for any name."""
    missing = []
    for span in CODE_SPAN.findall(FENCE.sub("", text_of(doc))):
        if not span.startswith(FOLDERS) or re.search(r"[\s(){}$…]", span):
            continue
        pattern = re.sub(r"(?<![A-Za-z0-9])[A-Z]{2,}(?=\.)|(?<=_)[A-Z]{2,}",
                         "*", span)
        relative = doc.parent / span
        if not glob.glob(str(ROOT / pattern)) and not relative.exists():
            missing.append(span)
    assert not missing, f"{name(doc)}: no such file: {missing}"


def test_every_document_is_reachable():
    todo = [ROOT / p for p in START]
    seen = set()
    while todo:
        doc = pathlib.Path(os.path.normpath(todo.pop()))
        if doc in seen or doc.suffix != ".md" or not doc.exists():
            continue
        seen.add(doc)
        todo += [doc.parent / link for link in links_of(doc)]
    lost = sorted(name(d) for d in DOCS
                  if d.is_relative_to(ROOT / "docs") and d not in seen)
    assert not lost, f"not linked from {START}, directly or not: {lost}"


def boot_options_of_the_code():
    """key -> default, as vmm/boot_opts.h and .c have them."""
    header = text_of(ROOT / "vmm/boot_opts.h")
    rows = re.findall(r'X\(\w+,\s*"([a-z0-9-]+)",\s*(true|false),', header)
    options = {key: "on" if value == "true" else "off" for key, value in rows}
    source = text_of(ROOT / "vmm/boot_opts.c")
    for key, default in (("populate", "eager"), ("log", "info"),
                         ("panic", "stop"), ("mitigations", "auto")):
        assert f'"{key}"' in source
        options[key] = default
    return options


def test_boot_options_are_those_of_the_code():
    section = text_of(ROOT / "docs/config.md").split("## boot.cfg")[1]
    section = section.split("\n## ")[0]
    documented = {}
    for line in section.splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 4:
            for key in re.findall(r"`([a-z0-9-]+)`", cells[0]):
                documented[key] = cells[2]
    assert documented == boot_options_of_the_code()


def test_hostile_guests_name_tests_that_exist():
    """The catalogue's rows that no bare guest shows; the guests' are looked at
    where they run (tests/e2e/test_guests.py)."""
    rows = json.loads(text_of(ROOT / "tests/guests/hostile.json"))
    pairs = [(by["test"], by["name"]) for row in rows.values()
             for by in row.get("by", ()) if "test" in by]
    assert len(pairs) > 15
    missing = [p for p in pairs if not (ROOT / p[0]).exists() or not re.search(
        r"\b%s\(" % p[1], text_of(ROOT / p[0]))]
    assert not missing
