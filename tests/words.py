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
    heads = ("use std::fmt;\n", "//!\n", "// A.\n", "//! Lanes.\n\nuse std::fmt;\n")
    if list(unknown(glossary, {"Lane", "Line"})) != [(3, "Line::at")]:
        sys.exit("words.py does not find a name that no code has")
    if list(unknown(glossary, {"Lane", "Line", "at"})):
        sys.exit("words.py refuses a name that the code has")
    if [is_headless(text) for text in heads] != [True, True, True, False]:
        sys.exit("words.py misjudges first lines")


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
        if not file.is_file() or not path.endswith((".rs", ".tf", ".tfvars", ".toml")):
            if not (file.is_file() and "." not in file.name):
                continue  # neither code nor a script
        try:
            text = file.read_text()
        except UnicodeDecodeError:
            continue
        words.update(WORD.findall(text))
        if path.endswith(".rs"):
            rust += 1
            if is_headless(text):
                problems.append(f"{path}:1: begin the file with `//!` and what it is")
    glossary = (REPOSITORY / GLOSSARY).read_text()
    names = len(list(unknown(glossary, set())))
    if not rust or not names:
        problems.append(f"{GLOSSARY}: found {names} names, and {rust} Rust files to look at")
    for number, name in unknown(glossary, words):
        problems.append(f"{GLOSSARY}:{number}: no code has `{name}`; name what has it, or nothing")
    for problem in problems:
        print(problem)
    if problems:
        return 1
    print(f"words: {rust} Rust files say what they are, and {names} names of the glossary exist")
    return 0


sys.exit(main())
