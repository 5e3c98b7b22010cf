#!/usr/bin/env python3
"""Checks that `scripts/first-build` refuses what it is for.

Each rule of it fails on a made-up build here, and lets its exceptions pass.
"""

import importlib.machinery
import importlib.util
import pathlib
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]


def script(name):
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader(name, str(REPOSITORY / "scripts" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


FIRST = script("first-build")

MANIFEST = """
[profile.release]
opt-level = 3

[profile.local]
inherits = "release"
opt-level = "s"

[profile.local.package.engine]
opt-level = 3

[profile.local.package."aws-sdk-idle"]
debug = false
opt-level = 0

[profile.other]
opt-level = 1
"""
LEVELS = {None: "s", "engine": "3", "aws-sdk-idle": "0"}


def crate(name, version="1.0.0", megabytes=1, ours=False, program=False):
    return FIRST.Crate(name, version, ours, megabytes * 1_000_000, program)


BUILD = [
    crate("engine", ours=True),
    crate("function", ours=True, program=True),
    crate("aws-sdk-busy", megabytes=10),
    crate("aws-sdk-idle", megabytes=10),
    crate("serde"),
]


def wrong(crates, chosen=LEVELS, excepted=None):
    return list(FIRST.problems(crates, chosen, excepted or {}))


def expect(what, found, *texts):
    if len(found) != len(texts) or any(text not in line for text, line in zip(texts, found)):
        sys.exit(f"{what}: found {found}, and {list(texts)} was to be found")


def main():
    found = FIRST.levels(MANIFEST)
    if found != LEVELS:
        sys.exit(f"the levels are {LEVELS}, and {found} were read")
    expect("a build within its budget", wrong(BUILD))

    amounts = FIRST.estimate(BUILD, LEVELS)
    wanted = {
        "our code, for speed (MB)": 1,
        "our code (MB)": 1,
        "program": 1,
        "SDK, optimised (MB)": 10,
        "SDK (MB)": 10,
        "other crate": 1,
    }
    if amounts != wanted:
        sys.exit(f"the build has the parts {wanted}, and {dict(amounts)} was counted")
    if not 0 < FIRST.seconds(amounts) < FIRST.BUDGET:
        sys.exit(f"this build costs {FIRST.seconds(amounts)} s")

    for what, more in (
        ("a large SDK", [crate("aws-sdk-ec2", megabytes=300)]),
        ("our own code", [crate("more", megabytes=100, ours=True)]),
        ("many crates", [crate(f"small-{number}") for number in range(2000)]),
        ("many programs", [crate(f"f{number}", ours=True, program=True) for number in range(200)]),
    ):
        expect(what, wrong(BUILD + more), "s of processor time, and 900 are allowed")
    # The same megabytes pass without optimisation, and fail with it.
    large = [crate("aws-sdk-idle", megabytes=200)]
    expect("a large SDK without optimisation", wrong(large, {None: "s", "aws-sdk-idle": "0"}))
    expect("a large SDK with optimisation", wrong(large, {None: "s"}), "900 are allowed")

    twice = [*BUILD, crate("serde", "2.0.0")]
    expect("two versions", wrong(twice), "serde: versions 1.0.0 and 2.0.0 are both built")
    expect("two versions with a reason", wrong(twice, excepted={"serde": "why"}))
    expect("no reason", wrong(twice, excepted={"serde": ""}), "serde: TWICE gives no reason")
    expect("a stale reason", wrong(BUILD, excepted={"serde": "why"}), "serde: one version is built")

    expect("all packages", wrong(BUILD, LEVELS | {"*": "s"}), "also optimises macros")
    expect("a stale override", wrong(BUILD, LEVELS | {"gone": "0"}), "package.gone] names a crate")
    print("scripts/first-build finds a build above its budget, second versions and stale overrides")


main()
