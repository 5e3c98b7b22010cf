#!/usr/bin/env python3
"""Checks which compiler `scripts/toolchain` and `scripts/setup` choose.

They run in a copy of the scripts, beside programs that answer in place of rustup and rustc.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]

# Lists more than a pipe holds, so that whoever stops reading at a match breaks it.
RUSTUP = """#!/usr/bin/env bash
if [[ $1 == toolchain ]]; then
  cat -- "$(dirname -- "$0")/installed"
  for ((line = 0; line < 4000; line++)); do echo "another-toolchain-of-this-machine-$line"; done
else
  echo 'rustc 1.999.0 (0123456 2026-01-01)'
fi
"""

# Too old for anything, so that setup ends where it has asked.
RUSTC = """#!/usr/bin/env bash
echo "${RUSTUP_TOOLCHAIN-none}" >"$(dirname -- "$0")/asked"
echo 'rustc 1.0.0 (0123456 2015-01-01)'
"""


def main():
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        (root / "scripts").mkdir()
        (root / "bin").mkdir()
        for name in ("scripts/toolchain", "scripts/setup", "Cargo.toml"):
            shutil.copy(REPOSITORY / name, root / name)
        (root / "rust-toolchain.toml").write_text('[toolchain]\nchannel = "1.95.0"\n')
        for name, text in (("rustup", RUSTUP), ("rustc", RUSTC), ("cargo", RUSTC)):
            (root / "bin" / name).write_text(text)
            (root / "bin" / name).chmod(0o755)
        environment = {
            name: value for name, value in os.environ.items() if name != "RUSTUP_TOOLCHAIN"
        }
        environment |= {
            "PATH": f"{root / 'bin'}:{environment['PATH']}",
            "TIDEGATE_TOOLS": str(root / "tools"),
        }

        for installed, wanted in (
            ("1.95.0-x86_64-unknown-linux-gnu (active)\n", ""),
            ("stable-x86_64\n", "stable"),
            ("1.95.01-x86_64\n", "stable"),
        ):
            (root / "bin" / "installed").write_text(installed)
            said = subprocess.run(
                [root / "scripts" / "toolchain"],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            ).stdout.strip()
            if said != wanted:
                sys.exit(
                    f"with {installed!r} installed, scripts/toolchain said {said!r} and must say"
                    f" {wanted!r}"
                )
            for given, expected in ((None, wanted or "none"), ("nightly", "nightly")):
                own = environment if given is None else environment | {"RUSTUP_TOOLCHAIN": given}
                done = subprocess.run(
                    [root / "scripts" / "setup", "api"], env=own, capture_output=True, text=True
                )
                asked = (root / "bin" / "asked").read_text().strip()
                if asked != expected or done.returncode != 1 or "Rust is 1.0.0" not in done.stderr:
                    sys.exit(
                        f"with {installed!r} installed and {given} given, scripts/setup asked rustc"
                        f" of {asked!r}, not {expected!r}: {done.stderr}"
                    )
    print("the pinned compiler is used where it is installed, and stable where it is not")


main()
