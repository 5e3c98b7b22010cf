#!/usr/bin/env python3
"""Checks the words that explain the code: the glossary's names, and each Rust file's first line.

A name in the last column of a table of docs/glossary.md must be in the code, and a Rust file must
begin with `//!` and what it is. The rules are first tried on examples that break them.

Exit codes: 1 a name or a first line is missing (each is listed as FILE:LINE).
"""

import pathlib
import re
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
GLOSSARY = "docs/glossary.md"
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def unknown(glossary, words):
    """(line, name) of each name in the glossary's last columns that no code has."""
    for number, line in enumerate(glossary.split("\n"), 1):
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        if not line.startswith("|") or len(cells) < 3:
            continue
        for name in re.findall(r"`([^`]+)`", cells[-1]):
            if any(word not in words for word in WORD.findall(name)):
                yield number, name


def is_headless(text):
    """Whether a Rust file does not begin with what it is."""
    return not re.match(r"//! \S", text)


def try_rules():
    glossary = "| word | meaning | in code |\n|---|---|---|\n| lane | queue | `Lane`, `Line::at` |"
    assert list(unknown(glossary, {"Lane", "Line"})) == [(3, "Line::at")]
    assert not list(unknown(glossary, {"Lane", "Line", "at"}))
    assert is_headless("use std::fmt;\n") and is_headless("//!\n") and is_headless("// A.\n")
    assert not is_headless("//! Lanes.\n\nuse std::fmt;\n")


def main():
    try_rules()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    words, rust, problems = set(), 0, []
    for path in sorted(set(filter(None, listed.stdout.split("\0")))):
        file = REPOSITORY / path
        if path.endswith((".md", ".lock")) or not file.is_file():
            continue
        try:
            text = file.read_text()
        except UnicodeDecodeError:
            continue
        words.update(WORD.findall(text))
        if path.endswith(".rs"):
            rust += 1
            if is_headless(text):
                problems.append(f"{path}:1: begin the file with `//!` and what it is")
    for number, name in unknown((REPOSITORY / GLOSSARY).read_text(), words):
        problems.append(f"{GLOSSARY}:{number}: no code has `{name}`; name what has it, or nothing")
    for problem in problems:
        print(problem)
    if problems:
        return 1
    print(f"words: {rust} Rust files say what they are, and the glossary's names are in the code")
    return 0


sys.exit(main())
