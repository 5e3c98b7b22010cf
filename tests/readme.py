#!/usr/bin/env python3
"""Checks that the README says what the repository has: targets, example code and figures.

    tests/readme.py              the README
    tests/readme.py --self-test  whether it finds what is wrong

Each `make TARGET` exists. Each block of Rust is in an example of the toolkit or in a template of
`tidegate new function`. Each `USD 0.00` is on docs/cost.md. No line is wider than 100 columns,
tables and links apart.
"""

import pathlib
import re
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
EXAMPLES = ("crates/tidegate/examples/*.rs", "crates/tidegate-cli/src/new/templates/*/*.rs")
WIDTH = 100


def blocks(text, language):
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def tokens(code):
    """Code without what rustfmt decides."""
    return re.sub(r"[\s,]+", "", code)


def problems(readme, makefile, examples, cost):
    """What is wrong with the text of the README."""
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = "\n".join(blocks(readme, "sh") + re.findall(r"`(make [^`]+)`", readme))
    for target in sorted(set(re.findall(r"\bmake ([a-z][a-z-]*)", named)) - targets):
        yield f"the Makefile has no target {target}"
    known = [tokens(code) for code in examples]
    for block in blocks(readme, "rust"):
        if not any(tokens(block) in code for code in known):
            first = block.strip().splitlines()[0]
            yield f"the Rust that begins with `{first}` is in no example and in no template"
    for figure in sorted(set(re.findall(r"USD [0-9][0-9,]*\.[0-9]{2}", readme))):
        if not re.search(re.escape(figure) + r"(?![0-9])", cost):
            yield f"docs/cost.md does not say {figure}"
    if not re.search(r"USD [0-9]", readme):
        yield "it says nowhere what an environment costs (`USD 0.00`)"
    for number, line in enumerate(readme.splitlines(), 1):
        if "TODO" in line:
            yield f"line {number} has a place that nobody has filled in (TODO)"
        if len(line) > WIDTH and not line.startswith("|") and "](" not in line:
            yield f"line {number} has {len(line)} columns; {WIDTH} are allowed"


def self_test():
    """Breaks a README in every way, and looks whether that is found."""
    makefile, code, cost = "demo: setup\n", "fn main() {\n    run(a, b,)\n}\n", "USD 34.65 a month"
    good = "`make demo` costs USD 34.65\n```rust\nfn main() { run(a, b) }\n```\n"
    for text, expected in (
        (good, None),
        (good.replace("make demo", "make dema"), "no target dema"),
        (good + "```sh\nmake other\n```\n", "no target other"),
        (good.replace("run(a", "run(c"), "no example"),
        (good + "TODO-TIME\n", "TODO"),
        (good.replace("34.65", "34.66"), "USD 34.66"),
        (good.replace("34.65", "4.65"), "USD 4.65"),
        (good.replace("USD 34.65", "little"), "nowhere"),
        (good + "x" * (WIDTH + 1), "101 columns"),
    ):
        found = list(problems(text, makefile, [code], cost))
        if len(found) != (expected is not None) or (expected and expected not in found[0]):
            sys.exit(f"readme.py must find {expected!r} in {text!r}, and found {found}")


def main():
    self_test()
    if sys.argv[1:] == ["--self-test"]:
        print("what is wrong in a README is found")
        return
    if sys.argv[1:]:
        sys.exit("usage: tests/readme.py [--self-test]")
    read = lambda path: (REPOSITORY / path).read_text(encoding="utf-8")
    examples = [path.read_text(encoding="utf-8") for glob in EXAMPLES for path in REPOSITORY.glob(glob)]
    found = list(problems(read("README.md"), read("Makefile"), examples, read("docs/cost.md")))
    if found:
        sys.exit("\n".join(f"README.md: {problem}" for problem in found))
    print("targets, code and figures of README.md are those of the repository")


main()
