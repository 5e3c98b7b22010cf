#!/usr/bin/env python3
"""Runs checkov over infra/, and checks that its skips are explained and needed.

    policies.py CHECKOV

Reports each failed check that infra/.checkov.yaml does not skip, each skip without a reason, and
each skip that nothing needs.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = ROOT / "infra" / ".checkov.yaml"


def declared_skips(text):
    """Check id -> reason, from the list under skip-check."""
    listed = text.partition("\nskip-check:\n")[2]
    return {
        match["id"]: (match["reason"] or "").strip()
        for match in re.finditer(r"^  - (?P<id>\w+)(?: +# *(?P<reason>.*))?$", listed, re.MULTILINE)
    }


def run(checkov):
    # Everything is checked, so that one run tells both what fails and which skips are needed. The
    # command line wins over the file.
    command = [checkov, "--config-file", str(CONFIG), "--skip-check", "NONE", "--output", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    try:
        reports = json.loads(done.stdout)
    except json.JSONDecodeError:
        sys.exit(
            f"checkov ended with {done.returncode} and no"
            f" report:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    reports = reports if isinstance(reports, list) else [reports]
    return [report for report in reports if "results" in report]


def main():
    skips = declared_skips(CONFIG.read_text())
    reports = run(sys.argv[1])
    if sum(report["summary"]["resource_count"] for report in reports) == 0:
        sys.exit("checkov found no resource in infra/; look at directory in infra/.checkov.yaml")
    failed = [check for report in reports for check in report["results"]["failed_checks"]]
    passed = sum(report["summary"]["passed"] for report in reports)
    inline = [check for report in reports for check in report["results"].get("skipped_checks", [])]
    problems = [
        f"{check['check_id']} {check['check_name']}\n    {check['resource']},"
        f" infra{check['file_path']}:{check['file_line_range'][0]}"
        for check in failed
        if check["check_id"] not in skips
    ]
    for report in reports:
        problems += [
            f"checkov cannot read {name}" for name in report["results"].get("parsing_errors", [])
        ]
    problems += [
        f"infra/.checkov.yaml skips {check} without saying why: add a reason behind it"
        for check, reason in skips.items()
        if not reason
    ]
    needed = {check["check_id"] for check in failed}
    problems += [
        f"infra/.checkov.yaml skips {check}, which nothing fails: remove the line"
        for check in skips
        if check not in needed
    ]
    if problems:
        sys.exit("\n".join(problems))
    print(
        f"{passed} checks passed; skipped with a reason: {len(skips)} everywhere, {len(inline)} at"
        " one resource"
    )


main()
