#!/usr/bin/env python3
"""Checks `scripts/deploy` where it decides: what it hands to Terraform, what it refuses, and what it leaves behind.

It runs in a copy of the repository's scripts, beside a program that answers instead of Terraform.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"

# Answers as Terraform does: a plan with changes, the versions of aliases, and what a test put beside it.
TERRAFORM = """#!/usr/bin/env bash
here=$(cd -- "$(dirname -- "$0")" && pwd)
printf '%s\\n' "$*" >>"$here/calls"
case "$1 $2" in
  "output -json") echo '{"order-processor": "7", "notification": "1"}' ;;
  "show -json") cat -- "$here/plan.json" ;;
  "plan "*) [[ ! -f $here/error ]] || { cat -- "$here/error" >&2; exit 1; }; exit 2 ;;
esac
"""

failed = []


def check(what, holds, shown=""):
    if not holds:
        failed.append(f"{what}{': ' if shown else ''}{shown}")


class Repository:
    """A copy with one environment, `prod`, and one function."""

    def __init__(self, scratch):
        self.root = pathlib.Path(scratch)
        (self.root / "scripts").mkdir()
        for name in ("deploy", "override", "planned"):
            shutil.copy(SCRIPTS / name, self.root / "scripts" / name)
        terraform = self.root / "scripts" / "terraform"
        terraform.write_text(TERRAFORM)
        terraform.chmod(0o755)
        (self.root / "infra" / "env").mkdir(parents=True)
        (self.root / "infra" / "env" / "prod.tfvars").write_text('environment = "prod"\n')
        (self.root / "functions" / "order-processor").mkdir(parents=True)
        (self.root / "functions" / "notification").mkdir(parents=True)
        zips = self.root / "target" / "lambda" / "order-processor"
        zips.mkdir(parents=True)
        self.zip = zips / "bootstrap.zip"
        with zipfile.ZipFile(self.zip, "w") as packed:
            packed.writestr("bootstrap", b"\x7fELF\x02\x01\x01" + bytes(11) + (183).to_bytes(2, "little") + bytes(40))
        self.overrides = self.root / "infra" / "env" / "prod.overrides.tfvars.json"
        self.plan()

    def plan(self, *changes):
        (self.root / "scripts" / "plan.json").write_text(json.dumps({"resource_changes": changes}))

    def deploy(self, *arguments, answer=""):
        calls = self.root / "scripts" / "calls"
        calls.unlink(missing_ok=True)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        done = subprocess.run(
            [self.root / "scripts" / "deploy", "prod", *arguments],
            env={**kept, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"},
            input=answer, capture_output=True, text=True,
        )  # fmt: skip
        return done, calls.read_text().splitlines() if calls.exists() else []


def planned(calls):
    return next((call for call in calls if call.startswith("plan ")), "")


def applied(calls):
    return any(call.startswith("apply ") for call in calls)


def rollbacks(repository):
    done, calls = repository.deploy("--rollback", "order-processor", answer="no\n")
    check("a rollback that is not confirmed", done.returncode == 1 and not applied(calls), done.stderr)
    check("what is not confirmed is declared", not repository.overrides.exists())

    done, calls = repository.deploy("--rollback", "order-processor", "--yes")
    written = json.loads(repository.overrides.read_text()) if repository.overrides.exists() else None
    check("the version before", written == {"versions": {"order-processor": "6"}}, str(written) + done.stderr)
    check("a rollback is applied", done.returncode == 0 and applied(calls), done.stderr)
    plan = planned(calls)
    for wanted in (
        "-var-file=env/prod.overrides.tfvars.json",
        '-target=module.function["order-processor"].aws_lambda_alias.live',
        '-target=data.aws_lambda_function.held["order-processor"]',
        # Without it a part of the plan would pass on another environment's state.
        "-target=terraform_data.environment",
    ):
        check("a rollback's plan", wanted in plan, f"lacks {wanted}: {plan}")

    before = repository.overrides.read_text()
    (repository.root / "scripts" / "error").write_text("Error: reading Lambda Function (order-processor:99): couldn't find resource\n")
    done, calls = repository.deploy("--rollback", "order-processor=99", "--yes")
    (repository.root / "scripts" / "error").unlink()
    check("a version that does not exist", done.returncode == 1 and "versions names a version that does not exist" in done.stderr, done.stderr)
    check("a version that does not exist stays declared", repository.overrides.read_text() == before)

    for arguments, why in (
        (["--rollback", "notification"], "no version before '1'"),
        (["--rollback", "refunds=3"], "there is no function 'refunds'"),
        (["--rollback", "order-processor=$LATEST"], "not the number of a published version"),
        (["--rollback", ""], "wants a function"),
        (["--rollback", "=7"], "wants a function"),
        (["--rollforward", "notification"], "stays at no version"),
        (["--rollback", "order-processor", "--pause", "order-processor.orders=the store is restored"], "at a time"),
    ):
        done, calls = repository.deploy(*arguments, "--yes")
        check(f"{arguments} is refused", done.returncode == 2 and why in done.stderr and not applied(calls), done.stderr)
    check("what was refused changed something", repository.overrides.read_text() == before)


def later_deployments(repository):
    (repository.root / "target" / "lambda" / "notification").mkdir()
    shutil.copy(repository.zip, repository.root / "target" / "lambda" / "notification" / "bootstrap.zip")
    done, calls = repository.deploy("--yes")
    check("a later deployment keeps the version", "-var-file=env/prod.overrides.tfvars.json" in planned(calls), planned(calls))
    check("a whole plan has no targets", "-target" not in planned(calls), planned(calls))
    done, calls = repository.deploy("--yes", "-target=module.stream")
    check("a part of a plan is tied to its environment", "-target=terraform_data.environment" in planned(calls), planned(calls))


def pauses(repository):
    done, calls = repository.deploy("--pause", "order-processor.orders=the store is restored", "--yes")
    written = json.loads(repository.overrides.read_text())
    expected = {"versions": {"order-processor": "6"}, "paused_sources": {"order-processor": {"orders": "the store is restored"}}}
    check("a pause", written == expected, str(written) + done.stderr)
    check("a pause's plan", '-target=module.function["order-processor"].aws_lambda_event_source_mapping.this["orders"]' in planned(calls), planned(calls))
    done, _ = repository.deploy("--pause", "order-processor.orders", "--yes")
    check("a pause without a reason", done.returncode == 2 and "say why" in done.stderr, done.stderr)
    done, _ = repository.deploy("--resume", "order-processor.refunds", "--yes")
    check("what is not paused", done.returncode == 2 and "is not paused" in done.stderr, done.stderr)
    repository.deploy("--resume", "order-processor.orders", "--yes")
    repository.deploy("--rollforward", "order-processor", "--yes")
    check("nothing is left when all of it is undone", not repository.overrides.exists())


def hidden(repository):
    tfvars = repository.root / "infra" / "env" / "prod.tfvars"
    tfvars.write_text('environment = "prod"\nversions = { notification = "3" }\n')
    done, calls = repository.deploy("--rollback", "order-processor", "--yes")
    check("what the tfvars set is not hidden", done.returncode == 2 and "sets versions itself" in done.stderr and not applied(calls), done.stderr)
    tfvars.write_text('environment = "prod"\n')


def zips(repository):
    after = {"function_name": "shop-order-processor", "filename": str(repository.zip), "architectures": ["x86_64"]}
    repository.plan({"address": "f", "type": "aws_lambda_function", "change": {"actions": ["create"], "before": None, "after": after}})
    done, calls = repository.deploy("--yes")
    check("a zip of another architecture", done.returncode == 1 and "is built for arm64, and the plan is for x86_64" in done.stderr and not applied(calls), done.stderr)
    after["architectures"] = ["arm64"]
    repository.plan({"address": "f", "type": "aws_lambda_function", "change": {"actions": ["create"], "before": None, "after": after}})
    done, calls = repository.deploy("--yes")
    check("a zip of the right architecture", done.returncode == 0 and applied(calls), done.stderr)


def losses(repository):
    repository.plan({"address": "t", "type": "aws_dynamodb_table", "change": {"actions": ["delete"], "before": {"name": "sales"}, "after": None}})
    done, calls = repository.deploy("--yes")
    check("a table is deleted unasked", done.returncode == 1 and "--delete sales" in done.stderr and not applied(calls), done.stderr)
    done, calls = repository.deploy("--yes", "--delete", "sales")
    check("a table is deleted once that is allowed", done.returncode == 0 and applied(calls), done.stderr)


with tempfile.TemporaryDirectory() as scratch:
    repository = Repository(scratch)
    for part in (rollbacks, later_deployments, pauses, hidden, zips, losses):
        part(repository)
if failed:
    sys.exit("\n".join(failed))
print("rollbacks, pauses, wrong zips and deletions are decided as documented")
