#!/usr/bin/env python3
"""Checks that links and paths in the repository's Markdown lead somewhere.

    tests/links.py              every Markdown file that git knows or would add
    tests/links.py --self-test  whether it finds what is broken

A relative link must lead to a file or folder, and its anchor to a heading of that page. A path in
backticks that begins with a folder of the repository must exist too. Links to other sites are not
followed.
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]

LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*<?([^()\s<>]+(?:\([^()\s]*\)[^()\s<>]*)*)>?(?:\s+\"[^\"]*\")?\s*\)")
DEFINITION = re.compile(r"^ {0,3}\[[^\]]+\]:\s+<?(\S+?)>?(?:\s|$)")
FENCE = re.compile(r"^\s*(?:>\s?)*(```+|~~~+)")
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$")
CODE = re.compile(r"(`+)(.+?)\1")
ELSEWHERE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
# Placeholders and patterns name no single file.
PATTERN = re.compile(r"[*<>{}$…\s]|NNNN")
# What people and programs make: it is not in the repository.
MADE = re.compile(r"^infra/(?:env/\w+\.overrides\.tfvars\.json|backend_override\.tf|terraform\.tfstate\.d)")


def pages(root):
    """The Markdown files that git knows, and new ones that it does not ignore."""
    command = ["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "-z", "*.md"]
    listed = subprocess.run(command, capture_output=True)
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
    else:  # An archive, without git's folder.
        names = [str(path.relative_to(root)) for path in root.rglob("*.md")]
        names = [name for name in names if not re.search(r"(?:^|/)(?:target|node_modules|\.tools)/", name)]
    return sorted({root / name for name in names if name and (root / name).is_file()})


def prose(text):
    """The lines outside of fenced code, with their numbers."""
    fence = None
    for number, line in enumerate(text.splitlines(), 1):
        mark = FENCE.match(line)
        if fence is None and mark:
            fence = mark.group(1)
        elif fence is not None:
            if mark and mark.group(1).startswith(fence):
                fence = None
        else:
            yield number, line


def slug(heading):
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    text = re.sub(r"[^\w\- ]", "", text.replace("`", ""))
    return text.strip().replace(" ", "-")


def anchors(page):
    """The anchors of a page; a heading that is there again gets a number."""
    found, seen = set(), {}
    text = page.read_text(encoding="utf-8")
    for _, line in prose(text):
        heading = HEADING.match(line)
        if heading:
            name = slug(heading.group(1))
            count = seen.get(name, 0)
            seen[name] = count + 1
            found.add(f"{name}-{count}" if count else name)
    found.update(re.findall(r"<a\s+(?:name|id)=\"([^\"]+)\"", text))
    return found


def leads_nowhere(root, page, target, known):
    """Why a link of this page is broken, or None."""
    path, _, anchor = urllib.parse.unquote(target).partition("#")
    place = page if not path else (root / path.lstrip("/") if path.startswith("/") else page.parent / path)
    place = place.resolve()
    if not place.is_relative_to(root):
        return "it leads out of the repository"
    if not place.exists():
        return f"there is no {place.relative_to(root)}"
    if anchor and place.suffix == ".md":
        if place not in known:
            known[place] = anchors(place)
        if anchor not in known[place]:
            return f"{place.relative_to(root)} has no heading #{anchor}"
    return None


def problems(root):
    """What is wrong, as `FILE:LINE: WHAT`."""
    root, known = root.resolve(), {}
    # Not such as .tools, which a checkout has only once something was installed.
    folders = {entry.name for entry in root.iterdir() if entry.is_dir() and entry.name != "target"}
    for page in pages(root):
        for number, line in prose(page.read_text(encoding="utf-8")):
            where = f"{page.relative_to(root)}:{number}"
            without_code = CODE.sub("``", line)
            targets = [match.group(1) for match in LINK.finditer(without_code)]
            definition = DEFINITION.match(without_code)
            if definition:
                targets.append(definition.group(1))
            for target in targets:
                why = None if ELSEWHERE.match(target) else leads_nowhere(root, page, target, known)
                if why:
                    yield f"{where}: the link {target} is broken: {why}"
            # A changelog names what was.
            for match in CODE.finditer(line) if page.name != "CHANGELOG.md" else ():
                path = match.group(2).strip()
                first, slash, _ = path.partition("/")
                if not slash or first.startswith(".") or first not in folders or PATTERN.search(path) or MADE.match(path):
                    continue
                if not (root / path).exists():
                    yield f"{where}: `{path}` is not in the repository"


def self_test():
    """Breaks links of every kind in a repository of its own, and looks whether each is found."""
    good = "\n".join([
        "# A title: with `code`, and (more)",
        "[a page](docs/page.md), [its part](docs/page.md#a-part-1), [here](#a-title-with-code-and-more)",
        "[a folder](docs) [elsewhere](https://example.com/no) ![picture](docs/a.svg \"title\")",
        "[by name][page] and `docs/page.md`, `docs/*.md`, `[no link](nowhere)`, `docs/<name>.md`",
        "[page]: docs/page.md",
        "```", "[not a link](nowhere) `docs/nowhere.md`", "```",
    ])
    broken = {
        "[a](docs/none.md)": "docs/none.md",
        "[a](docs/page.md#none)": "#none",
        "[a](#none)": "#none",
        "![a](none.svg)": "none.svg",
        "[a](../outside.md)": "out of the repository",
        "[a]: docs/none.md": "docs/none.md",
        "| table | [a](docs/none.md) |": "docs/none.md",
        "`docs/none.rs`": "docs/none.rs",
    }
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch).resolve()
        subprocess.run(["git", "init", "--quiet", root], check=True)
        (root / "docs").mkdir()
        (root / "docs" / "page.md").write_text("## A part\n\n## A part\n\n[up](../README.md)\n", encoding="utf-8")
        (root / "docs" / "a.svg").write_text("", encoding="utf-8")
        readme = root / "README.md"
        readme.write_text(good, encoding="utf-8")
        if wrong := list(problems(root)):
            sys.exit(f"links.py finds fault with what is right: {wrong}")
        for line, expected in broken.items():
            readme.write_text(f"{good}\n{line}\n", encoding="utf-8")
            found = list(problems(root))
            if len(found) != 1 or expected not in found[0]:
                sys.exit(f"links.py must find one problem in {line!r}, about {expected!r}, and found {found}")
    return f"{len(broken)} kinds of broken links are found"


def main():
    if sys.argv[1:] == ["--self-test"]:
        print(self_test())
        return
    if sys.argv[1:]:
        sys.exit("usage: tests/links.py [--self-test]")
    tested = self_test()
    found = list(problems(REPOSITORY))
    if found:
        sys.exit("\n".join(found))
    print(f"every link of {len(pages(REPOSITORY))} pages leads somewhere; {tested}")


main()
