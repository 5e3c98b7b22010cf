#!/usr/bin/env python3
"""Checks that `scripts/circles` finds circles and forbidden imports, in workspaces of a few files.

usage: python3 tests/circles.py
exit code: 0 every rule is held, 1 one is not
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]

# What each crate has in `[dependencies]`, as it should be.
CRATES = {
    "crates/aws-json": [],
    "crates/compatibility": [],
    "crates/engine-client": [],
    "crates/lambda-shapes": ["aws-json"],
    "crates/orders": ["events", "tidegate"],
    "crates/payment-simulator": ["terminal"],
    "crates/shop": ["events"],
    "crates/terminal": [],
    "crates/tidegate": ["tidegate-derive"],
    "crates/tidegate-derive": [],
    "crates/tidegate-local": ["aws-json"],
    "crates/tidegate-cli": ["tidegate", "tidegate-local"],
    "crates/topology": ["aws-json"],
    "events": ["tidegate"],
    "functions/one": ["events", "tidegate"],
}

# Files in place of an empty lib.rs, and what is said of them; None: nothing is found.
CASES = {
    "a command's local and cost may use the engine, others may not": (
        {
            "crates/tidegate-cli/src/lib.rs": "mod cost;\nmod dlq;\nmod local;\n",
            "crates/tidegate-cli/src/cost.rs": "use tidegate_local::proxy;\n",
            "crates/tidegate-cli/src/local.rs": "use tidegate_local::engine;\n",
            "crates/tidegate-cli/src/dlq/mod.rs": "mod list;\n",
            "crates/tidegate-cli/src/dlq/list.rs": "\nuse {std::fs, tidegate_local::engine};\n",
        },
        ["crates/tidegate-cli/src/dlq/list.rs:2: only cost, local may name tidegate-local"],
    ),
    "a path without use is an import too": (
        {"crates/tidegate/src/lib.rs": "fn f() {\n    tidegate_local::start();\n}\n"},
        ["crates/tidegate/src/lib.rs:2: tidegate must not name tidegate-local"],
    ),
    "the engine knows no function, and what both sides share knows no engine": (
        {
            "crates/tidegate-local/src/lib.rs": "use events::Order;\n",
            "crates/aws-json/src/lib.rs": "pub use ::tidegate_local::engine;\n",
        },
        [
            "crates/tidegate-local/src/lib.rs:1: tidegate-local must not name events",
            "crates/aws-json/src/lib.rs:1: aws-json must not name tidegate-local",
        ],
    ),
    "a crate that the tables do not know is not free": (
        {"crates/new/src/lib.rs": "use tidegate_local::engine;\n"},
        ["crates/new: say in MAY_USE"],
    ),
    "a function does not name another one": (
        {"functions/one/src/lib.rs": "use two::table;\n", "functions/two/src/lib.rs": ""},
        ["functions/one/src/lib.rs:1: one must not name two"],
    ),
    "a dependency counts even if nothing names it": (
        {
            "crates/terminal/Cargo.toml": (
                '[package]\nname = "terminal"\n[dev-dependencies]\nevents.workspace = true\n'
                "[dependencies]\ntidegate.workspace = true\n[dependencies.aws-json]\n"
            )
        },
        [
            "crates/terminal/Cargo.toml:6: terminal must not depend on tidegate",
            "crates/terminal/Cargo.toml:7: terminal must not depend on aws-json",
        ],
    ),
    "modules of one's own, tests, comments and texts are no imports": (
        {
            "crates/tidegate/src/lib.rs": (
                "mod events;\nuse crate::events as terminal;\nuse events::Event;\n"
                "// use tidegate_local::engine;\n"
                'const TEXT: &str = "tidegate_local::engine";\n'
                "fn f() {\n    events::f();\n    terminal::f();\n}\n"
                "#[cfg(test)]\nmod tests {\n    use tidegate_local::engine;\n}\n"
            ),
            "crates/tidegate/src/events.rs": "",
        },
        None,
    ),
    "two files that import each other are a circle, over a re-export too": (
        {
            "events/src/lib.rs": "mod one;\nmod two;\npub use one::One;\n",
            "events/src/one.rs": "use crate::two::Two;\npub struct One(Two);\n",
            "events/src/two.rs": "use crate::One;\npub struct Two(Box<One>);\n",
        },
        [
            "events/src/lib.rs: 2 files import each other",
            "events/src/two.rs:1: crate::One → events/src/one.rs",
        ],
    ),
}


def write(root, name, text):
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def run(files):
    """The exit code and output of the script in a workspace with these files."""
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        (root / "scripts").mkdir()
        shutil.copy(REPOSITORY / "scripts/circles", root / "scripts/circles")
        crates = {name.split("/src/")[0] for name in files if "/src/" in name}
        for crate in {*CRATES, *crates}:
            uses = "".join(f"{name}.workspace = true\n" for name in CRATES.get(crate, []))
            name = crate.rsplit("/", 1)[-1]
            manifest = f'[package]\nname = "{name}"\n[dependencies]\n{uses}'
            write(root, f"{crate}/Cargo.toml", manifest)
            write(root, f"{crate}/src/lib.rs", "")
        for name, text in files.items():
            write(root, name, text)
        command = [sys.executable, root / "scripts/circles"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


def main():
    failed = 0
    for what, (files, expected) in {"nothing is wrong": ({}, None), **CASES}.items():
        code, output = run(files)
        missing = [line for line in expected or [] if line not in output]
        if code != (0 if expected is None else 1) or missing:
            failed += 1
            print(f"{what}: exit code {code}, missing {missing}\n{output}")
    if failed:
        print(f"{failed} of {len(CASES) + 1} rules of scripts/circles are not held")
        return 1
    print(f"scripts/circles holds {len(CASES) + 1} rules")
    return 0


sys.exit(main())
