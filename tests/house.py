#!/usr/bin/env python3
"""Checks that `scripts/widths` and `scripts/sizes` refuse what they are for.

Each rule of them fails on a made-up example here, and lets its exceptions pass.
"""

import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]


def script(name):
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader(name, str(REPOSITORY / "scripts" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


WIDTHS, SIZES = script("widths"), script("sizes")
LONG = "word " * 20 + "w"  # 101 columns
URL = "https://example.com/" + "a" * 90

# File, text, and the lines that are too wide in it.
WIDE = [
    ("a.md", LONG, [1]),
    ("a.md", LONG[:-1], []),
    ("a.md", f"| {LONG} |\n> | {LONG} |", []),
    ("a.md", f"```\n{LONG}\n```\n{LONG}", [4]),
    ("a.md", f"~~~~\n~~~\n{LONG}\n~~~~\n{LONG}", [5]),
    ("a.md", f"See [it]({URL}).\n{URL}\n[it]: {URL}", []),
    ("a.md", f"{LONG} [it](b.md)", [1]),
    ("a.rs", f"//! {LONG}\n/// {LONG}\n    // {LONG}\nf(); // {LONG}", [1, 2, 3, 4]),
    ("a.rs", f'f("// {LONG}");\nf(r#"\n// {LONG}\n"#);\nf(\'"\'); // {LONG}', [5]),
    ("a.rs", f"/// <{URL}>\n{'f(); ' * 40}", []),
    ("a.tf", f'# {LONG}\na = 1 # {LONG}\na = "# {LONG}"', [1, 2]),
    ("a.tf", "a = " + "1" * 137, [1]),
    ("a.tfvars", "a = " + "1" * 136, []),
    ("a.tftest.hcl", "a = " + "1" * 137, [1]),
    ("a.py", f"# {LONG}\na = '# {LONG}'\n{'a' * 141}", [1, 3]),
    ("a.sh", f"# {LONG}\necho ${{#a}} {LONG}\n{'a' * 141}", [1, 3]),
    ("scripts/a", f"#!/usr/bin/env bash\n# {LONG}\n{'a' * 141}", [2, 3]),
    ("scripts/a", f"#!/usr/bin/env python3\n# {LONG}", [2]),
    ("scripts/a", f"no program\n# {LONG}", []),
    ("Makefile", f"# {LONG}\na: b ## {LONG}\n\techo {LONG}", [1, 2]),
    (".ci/run", f"#!/usr/bin/env bash\n# {LONG}", [2]),
    ("Cargo.lock", f"# {LONG}", []),
    ("docs/benchmarks.md", LONG, []),
    ("crates/a/public-api.txt", LONG, []),
]


def function(lines, name="f", indent=""):
    body = [f"{indent}    g();"] * (lines - 2)
    return "\n".join([f"{indent}pub(crate) async fn {name}() {{", *body, f"{indent}}}"]) + "\n"


# File, text, and what is too long: (subject, first line).
LONG_CODE = [
    ("crates/a/src/a.rs", "//\n" * 401, [("crates/a/src/a.rs", 1)]),
    ("crates/a/src/a.rs", "//\n" * 400, []),
    ("crates/a/src/a.rs", function(81), [("crates/a/src/a.rs f", 1)]),
    ("crates/a/src/a.rs", function(80), []),
    (
        "crates/a/src/a.rs",
        f"impl A {{\n{function(81, indent='    ')}}}\n",
        [("crates/a/src/a.rs f", 2)],
    ),
    # A signature of several lines counts; a brace in a string closes nothing.
    (
        "crates/a/src/a.rs",
        "fn f(\n    a: A,\n) -> A {\n" + '    g("\n}\n");\n' * 26 + "}\n",
        [("crates/a/src/a.rs f", 1)],
    ),
    ("crates/a/src/a.rs", f"trait A {{\n    fn f(&self);\n{'    // more' * 90}\n}}\n", []),
    ("crates/a/src/a.rs", f"#[cfg(test)]\nmod tests {{\n{function(81, indent='    ')}}}\n", []),
    (
        "crates/a/src/a.rs",
        f"#[cfg(test)]\nmod tests;\n\n{function(81)}",
        [("crates/a/src/a.rs f", 4)],
    ),
    ("crates/a/src/tests.rs", "//\n" * 401, []),
    ("crates/a/src/a/tests/b.rs", "//\n" * 401, []),
    ("crates/a/tests/it/a.rs", "//\n" * 401, []),
    ("tests/system/src/a.rs", "//\n" * 401, []),
    ("crates/a/build.rs", "//\n" * 401, []),
]


def check(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: found {found}, expected {expected}")


def run(name, directory):
    command = [REPOSITORY / "scripts" / name, directory]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout


def programs(directory):
    """Both scripts over a repository: what they say, and how they end."""
    root = pathlib.Path(directory)
    subprocess.run(["git", "init", "--quiet", directory], check=True)
    (root / "scripts").mkdir()
    (root / "crates/a/src").mkdir(parents=True)
    (root / "a.md").write_text(LONG)
    (root / ".gitignore").write_text("/target\n")
    (root / "target").mkdir()
    (root / "target/b.md").write_text(LONG)
    said = "a.md:1: 101 columns, and 100 are allowed\n"
    check("scripts/widths of one wide line", run("widths", directory), (1, said))
    (root / "a.md").write_text("narrow")
    code, said = run("widths", directory)
    check(
        "scripts/widths of nothing wide",
        (code, said.startswith("widths: no line of 1 ")),
        (0, True),
    )

    file, listed = root / "crates/a/src/a.rs", root / "scripts/sizes.exceptions"
    file.write_text(function(81))
    said = "crates/a/src/a.rs:1: f has 81 lines, and 80 are allowed: split it by noun\n"
    check("scripts/sizes of one long function", run("sizes", directory), (1, said))
    listed.write_text("# known\ncrates/a/src/a.rs f: it is one table\n")
    check("scripts/sizes of an exception", run("sizes", directory)[0], 0)
    listed.write_text("crates/a/src/a.rs f:\n")
    code, said = run("sizes", directory)
    check(
        "scripts/sizes of an exception without a reason", (code, "has no reason" in said), (1, True)
    )
    listed.write_text("crates/a/src/a.rs f: it is one table\n")
    file.write_text(function(80))
    code, said = run("sizes", directory)
    check("scripts/sizes of a stale exception", (code, "remove the line" in said), (1, True))


def main():
    for path, text, expected in WIDE:
        found = [line for line, _, _ in WIDTHS.wide(path, text)]
        check(f"scripts/widths of {path} with {text[:60]!r}", found, expected)
    for path, text, expected in LONG_CODE:
        found = [(what, line) for what, line, _, _ in SIZES.long(path, text)]
        check(f"scripts/sizes of {path} with {text[:60]!r}", found, expected)
    with tempfile.TemporaryDirectory() as directory:
        programs(directory)
    print(f"widths and sizes: {len(WIDE) + len(LONG_CODE)} examples are judged as they must be")


main()
