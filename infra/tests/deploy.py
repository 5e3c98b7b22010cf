#!/usr/bin/env python3
"""Checks what `scripts/deploy` hands to Terraform, what it refuses, and what it leaves behind.

It runs in a copy of the scripts, beside programs that answer in place of Terraform and the AWS CLI.
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

# Answers as Terraform does: a plan with changes, the state, and what a test put beside it.
TERRAFORM = """#!/usr/bin/env bash
here=$(cd -- "$(dirname -- "$0")" && pwd)
printf '%s\\n' "$*" >>"$here/calls"
case "$1 $2 $3" in
  "show -json /"*)
    cat -- "$here/plan.json"
    [[ ! -f $here/unreadable ]] || exit 1
    ;;
  "show -json "*) cat -- "$here/state.json" ;;
  "plan "*) [[ ! -f $here/error ]] || { cat -- "$here/error" >&2; exit 1; }; exit 2 ;;
esac
"""

# Answers as the AWS CLI does, from what a test has put beside it; a change of an alias is kept.
AWS = """#!/usr/bin/env python3
import json, pathlib, sys

here = pathlib.Path(__file__).resolve().parents[1] / "scripts"
with open(here / "calls", "a") as calls:
    print("aws", *sys.argv[1:], file=calls)
world, (command, *rest) = json.loads((here / "aws.json").read_text()), sys.argv[2:]
if command == world.get("fails"):
    sys.exit("An error occurred (ExpiredToken) when calling it")
if command == "get-caller-identity":
    answer = {"Account": world["account"]}
elif command == "get-alias":
    answer = {"FunctionVersion": world["at"]}
elif command == "list-versions-by-function":
    answer = {"Versions": [{"Version": "$LATEST"}, *({"Version": version} for version in world["published"])]}
elif command == "update-alias":
    world["at"] = rest[rest.index("--function-version") + 1]
    (here / "aws.json").write_text(json.dumps(world))
    answer = {}
elif command == "update-event-source-mapping":
    answer = {}
else:
    sys.exit(f"unexpected: {sys.argv}")
print(json.dumps(answer))
"""

HERE = {
    "environment": "prod",
    "account_id": "123456789012",
    "region": "eu-west-1",
    "name_prefix": "shop-prod-",
}
PLACE = {"address": "data.aws_caller_identity.current", "values": {"account_id": "123456789012"}}


def tied(**other):
    return {
        "address": "terraform_data.environment",
        "type": "terraform_data",
        "values": {"output": HERE | other},
    }


def deployed(function, version):
    name = f"shop-prod-{function}"
    parts = {
        "aws_lambda_function.this": {"function_name": name, "version": version},
        "aws_lambda_alias.live": {
            "function_name": name,
            "name": "live",
            "function_version": version,
        },
        'aws_lambda_event_source_mapping.this["orders"]': {"uuid": f"uuid-{function}"},
    }
    address = f'module.function["{function}"]'
    return {
        "address": address,
        "resources": [
            {"address": f"{address}.{part}", "type": part.split(".")[0], "values": values}
            for part, values in parts.items()
        ],
    }


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
        (self.root / "scripts" / "destroy").symlink_to("deploy")
        terraform = self.root / "scripts" / "terraform"
        terraform.write_text(TERRAFORM)
        terraform.chmod(0o755)
        aws = self.root / "bin" / "aws"
        aws.parent.mkdir()
        aws.write_text(AWS)
        aws.chmod(0o755)
        self.state(deployed("order-processor", "8"), deployed("notification", "1"))
        self.aws()
        (self.root / "infra" / "env").mkdir(parents=True)
        (self.root / "infra" / "env" / "prod.tfvars").write_text('environment = "prod"\n')
        (self.root / "functions" / "order-processor").mkdir(parents=True)
        (self.root / "functions" / "notification").mkdir(parents=True)
        zips = self.root / "target" / "lambda" / "order-processor"
        zips.mkdir(parents=True)
        self.zip = zips / "bootstrap.zip"
        with zipfile.ZipFile(self.zip, "w") as packed:
            packed.writestr(
                "bootstrap",
                b"\x7fELF\x02\x01\x01" + bytes(11) + (183).to_bytes(2, "little") + bytes(40),
            )
        self.overrides = self.root / "infra" / "env" / "prod.overrides.tfvars.json"
        self.plan()

    def plan(self, *changes, state=tied(), **variables):
        plan = {
            "resource_changes": changes,
            "variables": {name: {"value": value} for name, value in {**HERE, **variables}.items()},
            "prior_state": {
                "values": {"root_module": {"resources": [PLACE, *([state] if state else [])]}}
            },
        }
        (self.root / "scripts" / "plan.json").write_text(json.dumps(plan))

    def state(self, *functions):
        state = {"values": {"root_module": {"resources": [tied()], "child_modules": functions}}}
        (self.root / "scripts" / "state.json").write_text(json.dumps(state))

    def aws(self, **world):
        known = {
            "account": "123456789012",
            "at": "8",
            "published": ["1", "3", "6", "7", "8"],
            **world,
        }
        (self.root / "scripts" / "aws.json").write_text(json.dumps(known))

    def alias(self):
        return json.loads((self.root / "scripts" / "aws.json").read_text())["at"]

    def declared(self):
        return json.loads(self.overrides.read_text()) if self.overrides.exists() else None

    def deploy(self, *arguments, answer="", action="deploy"):
        calls = self.root / "scripts" / "calls"
        calls.unlink(missing_ok=True)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        done = subprocess.run(
            [self.root / "scripts" / action, "prod", *arguments],
            env={
                **kept,
                "PATH": f"{self.root / 'bin'}:{kept['PATH']}",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
            },
            input=answer,
            capture_output=True,
            text=True,
        )
        return done, calls.read_text().splitlines() if calls.exists() else []


def planned(calls):
    return next((call for call in calls if call.startswith("plan ")), "")


def applied(calls):
    return any(call.startswith("apply ") for call in calls)


def changes_at_aws(calls):
    return [call for call in calls if call.startswith("aws lambda update-")]


def rollbacks(repository):
    done, calls = repository.deploy("--rollback", "order-processor", answer="no\n")
    check(
        "a rollback that is not confirmed",
        done.returncode == 1 and not changes_at_aws(calls),
        done.stderr,
    )
    check(
        "a rollback is asked for without where it is",
        "account 123456789012, region eu-west-1: its alias moves from version 8 to 7"
        in done.stderr,
        done.stderr,
    )
    check("what is not confirmed is declared", not repository.overrides.exists())

    # No zip of it lies here, and Terraform, which would take the function along, plans nothing.
    lies = repository.zip.rename(repository.zip.with_suffix(".away"))
    done, calls = repository.deploy("--rollback", "order-processor", "--yes")
    lies.rename(repository.zip)
    written = repository.declared()
    check(
        "the version before",
        written == {
            "versions": {"order-processor": "7"},
            "rolled_back_from": {"order-processor": ["8"]},
        },
        str(written) + done.stderr,
    )
    wanted = (
        "aws lambda update-alias --function-name shop-prod-order-processor --name live"
        ' --function-version 7 --routing-config {"AdditionalVersionWeights": {}} --region eu-west-1'
    )
    check(
        "a rollback is made",
        done.returncode == 0 and changes_at_aws(calls) == [wanted],
        f"{calls} {done.stderr}",
    )
    check("a rollback deploys code", not planned(calls) and not applied(calls), str(calls))

    # From there to one that nobody has rolled back from; 4 and 5 are not published.
    done, calls = repository.deploy("--rollback", "order-processor", "--yes")
    check(
        "a rollback of a rollback",
        repository.alias() == "6"
        and repository.declared()["rolled_back_from"] == {"order-processor": ["7", "8"]},
        done.stderr,
    )

    before = repository.overrides.read_text()
    repository.aws(at="6", fails="update-alias")
    done, _ = repository.deploy("--rollback", "order-processor=3", "--yes")
    check(
        "what AWS refuses",
        done.returncode == 77
        and "have expired" in done.stderr
        and repository.overrides.read_text() == before,
        done.stderr,
    )
    repository.aws(at="6", fails="get-alias")
    done, _ = repository.deploy("--rollback", "order-processor=3", "--yes")
    check(
        "what AWS does not say",
        done.returncode == 77 and repository.overrides.read_text() == before,
        done.stderr,
    )
    repository.aws(at="6", account="999999999999")
    done, calls = repository.deploy("--rollback", "order-processor=3", "--yes")
    check(
        "another account",
        done.returncode == 2
        and "credentials are of account 999999999999" in done.stderr
        and not changes_at_aws(calls),
        done.stderr,
    )
    repository.aws(at="6")

    for arguments, why in (
        (["--rollback", "order-processor=99"], "has no version 99; published: 1, 3, 6, 7, 8"),
        (["--rollback", "refunds=3"], "there is no function 'refunds'"),
        (["--rollback", "order-processor=$LATEST"], "not the number of a published version"),
        (["--rollback", ""], "needs a function"),
        (["--rollback", "=7"], "needs a function"),
        (["--rollforward", "notification"], "stays at no version"),
        (
            [
                "--rollback",
                "order-processor",
                "--pause",
                "order-processor.orders=the store is restored",
            ],
            "at a time",
        ),
        (["--rollback", "order-processor", "-target=module.stream"], "takes no options of a plan"),
    ):
        done, calls = repository.deploy(*arguments, "--yes")
        check(
            f"{arguments} is refused",
            done.returncode == 2 and why in done.stderr and not changes_at_aws(calls),
            done.stderr,
        )
    repository.aws(at="1")
    done, calls = repository.deploy("--rollback", "notification", "--yes")
    check(
        "a first version",
        done.returncode == 2
        and "no version before it is left" in done.stderr
        and not changes_at_aws(calls),
        done.stderr,
    )
    repository.aws(at="6")
    check("what was refused changed something", repository.overrides.read_text() == before)


def forward(repository):
    """A repaired version 9 fails too: the way back from it is not to 7 and 8, which were left."""
    repository.state(deployed("order-processor", "9"), deployed("notification", "1"))
    repository.aws(at="6", published=["1", "3", "6", "7", "8", "9"])
    done, _ = repository.deploy("--rollforward", "order-processor", "--yes")
    check(
        "a rollforward",
        repository.alias() == "9" and "versions" not in repository.declared(),
        done.stderr,
    )
    done, _ = repository.deploy("--rollback", "order-processor", "--yes")
    check(
        "a rollback to what was left",
        repository.alias() == "6",
        f"{repository.alias()} {done.stderr}",
    )
    done, _ = repository.deploy("--rollback", "order-processor=7", "--yes")
    check(
        "a version that is named was right after all",
        repository.alias() == "7"
        and repository.declared()["rolled_back_from"] == {"order-processor": ["8", "9"]},
        str(repository.declared()),
    )


def later_deployments(repository):
    (repository.root / "target" / "lambda" / "notification").mkdir()
    shutil.copy(
        repository.zip, repository.root / "target" / "lambda" / "notification" / "bootstrap.zip"
    )
    done, calls = repository.deploy("--yes")
    check(
        "a later deployment keeps the version",
        "-var-file=env/prod.overrides.tfvars.json" in planned(calls),
        planned(calls),
    )
    (repository.root / "scripts" / "error").write_text(
        "Error: reading Lambda Function (order-processor:99): couldn't find resource\n"
    )
    done, _ = repository.deploy("--yes")
    (repository.root / "scripts" / "error").unlink()
    check(
        "a version that does not exist",
        done.returncode == 1 and "make rollforward ENV=prod" in done.stderr,
        done.stderr,
    )
    check("a whole plan has no targets", "-target" not in planned(calls), planned(calls))
    done, calls = repository.deploy("--yes", "-target=module.stream")
    check(
        "a part of a plan is tied to its environment",
        "-target=terraform_data.environment" in planned(calls),
        planned(calls),
    )


def pauses(repository):
    done, calls = repository.deploy(
        "--pause", "order-processor.orders=the store is restored", "--yes"
    )
    written = json.loads(repository.overrides.read_text())
    check(
        "a pause",
        written.get("paused_sources") == {"order-processor": {"orders": "the store is restored"}},
        str(written) + done.stderr,
    )
    wanted = (
        "aws lambda update-event-source-mapping --uuid uuid-order-processor --no-enabled --region"
        " eu-west-1"
    )
    check(
        "a pause is made",
        done.returncode == 0 and changes_at_aws(calls) == [wanted] and not planned(calls),
        f"{calls} {done.stderr}",
    )
    done, calls = repository.deploy(
        "--pause", "order-processor.order=the store is restored", "--yes"
    )
    check(
        "a source that is not there",
        done.returncode == 2 and "no source 'order' here; deployed: orders" in done.stderr,
        done.stderr,
    )
    done, _ = repository.deploy("--pause", "order-processor.orders", "--yes")
    check(
        "a pause without a reason", done.returncode == 2 and "say why" in done.stderr, done.stderr
    )
    done, _ = repository.deploy("--resume", "order-processor.refunds", "--yes")
    check(
        "what is not paused", done.returncode == 2 and "is not paused" in done.stderr, done.stderr
    )
    done, calls = repository.deploy("--resume", "order-processor.orders", "--yes")
    check(
        "a resume is made",
        changes_at_aws(calls) == [wanted.replace("--no-enabled", "--enabled")],
        f"{calls} {done.stderr}",
    )
    repository.deploy("--rollforward", "order-processor", "--yes")
    check(
        "more is left than what was rolled back from",
        repository.declared() == {"rolled_back_from": {"order-processor": ["8", "9"]}},
        str(repository.declared()),
    )
    # What a former environment of this name has left behind.
    repository.overrides.write_text(
        json.dumps(
            {
                "versions": {"order-processor": "7"},
                "paused_sources": {"order-processor": {"orders": "the store is restored"}},
            }
        )
    )
    repository.state()
    for arguments in (["--rollforward", "order-processor"], ["--resume", "order-processor.orders"]):
        done, calls = repository.deploy(*arguments, "--yes")
        check(
            f"{arguments} of what is not deployed",
            done.returncode == 0 and not changes_at_aws(calls),
            done.stderr,
        )
    check("nothing is left when all of it is undone", not repository.overrides.exists())
    repository.state(deployed("order-processor", "8"), deployed("notification", "1"))


def undeclared(repository):
    """Somebody has rolled back and paused, and has not committed it."""
    function = 'module.function["order-processor"]'
    repository.plan(
        {
            "address": f"{function}.aws_lambda_function.this",
            "type": "aws_lambda_function",
            "change": {"actions": ["no-op"], "before": {"version": "8"}, "after": {"version": "8"}},
        },
        {
            "address": f"{function}.aws_lambda_alias.live",
            "type": "aws_lambda_alias",
            "change": {
                "actions": ["update"],
                "before": {"function_version": "7"},
                "after": {"function_version": "8"},
            },
        },
        {
            "address": f"{function}.m",
            "type": "aws_lambda_event_source_mapping",
            "index": "orders",
            "change": {
                "actions": ["update"],
                "before": {"enabled": False},
                "after": {"enabled": True},
            },
        },
    )
    done, calls = repository.deploy("--yes")
    check(
        "a rollback and a pause are undone unasked",
        done.returncode == 1
        and "--undo order-processor --undo order-processor.orders" in done.stderr
        and not applied(calls),
        done.stderr,
    )
    done, calls = repository.deploy("--yes", "--undo", "order-processor")
    check(
        "a pause is undone unasked",
        done.returncode == 1
        and "allow it: --undo order-processor.orders" in done.stderr
        and not applied(calls),
        done.stderr,
    )
    done, calls = repository.deploy(
        "--yes", "--undo", "order-processor", "--undo", "order-processor.orders"
    )
    check("what may be undone is", done.returncode == 0 and applied(calls), done.stderr)
    done, calls = repository.deploy(answer="no\n")
    check(
        "what is undone is said before the question",
        "make rollback ENV=prod FUNCTION=order-processor VERSION=7" in done.stderr
        and not applied(calls),
        done.stderr,
    )


def unread(repository):
    """What cannot be examined is not applied."""
    repository.plan({"address": "no type", "change": {"actions": ["delete"]}})
    done, calls = repository.deploy("--yes")
    check(
        "scripts/planned fails",
        done.returncode == 1 and "could not be examined" in done.stderr and not applied(calls),
        done.stderr,
    )
    repository.plan()
    (repository.root / "scripts" / "unreadable").touch()
    done, calls = repository.deploy("--yes")
    (repository.root / "scripts" / "unreadable").unlink()
    check(
        "terraform show fails",
        done.returncode == 1 and "cannot be read" in done.stderr and not applied(calls),
        done.stderr,
    )


def destroys(repository):
    for state, why in (
        (tied(environment="dev"), "environment 'dev' instead of 'prod'"),
        (tied(account_id="999999999999"), "account_id '999999999999'"),
        (None, "only a state that names its environment"),
    ):
        repository.plan(state=state)
        done, calls = repository.deploy("--yes", action="destroy")
        check(
            f"a state of something else is deleted ({why})",
            done.returncode == 1 and why in done.stderr and not applied(calls),
            done.stderr,
        )
    # What ties it is gone first when a deletion fails half-way.
    done, calls = repository.deploy(action="destroy", answer="prod\n")
    check(
        "a deletion that was begun cannot be ended",
        done.returncode == 0 and applied(calls) and "does not say which environment" in done.stderr,
        done.stderr,
    )
    repository.plan()
    done, calls = repository.deploy("--yes", "-target=module.stream", action="destroy")
    check(
        "a part of a deletion deletes what ties the state",
        "-target=terraform_data.environment" not in planned(calls) and applied(calls),
        planned(calls),
    )
    repository.overrides.write_text('{"versions": {"order-processor": "7"}}')
    done, calls = repository.deploy("--yes", action="destroy")
    check(
        "overrides outlive their environment",
        done.returncode == 0
        and applied(calls)
        and not repository.overrides.exists()
        and "commit that" in done.stderr,
        done.stderr,
    )


def hidden(repository):
    tfvars = repository.root / "infra" / "env" / "prod.tfvars"
    tfvars.write_text('environment = "prod"\nversions = { notification = "3" }\n')
    done, calls = repository.deploy("--rollback", "order-processor", "--yes")
    check("what the tfvars set is changed", not changes_at_aws(calls), str(calls))
    check(
        "what the tfvars set is not hidden",
        done.returncode == 2 and "sets versions itself" in done.stderr and not applied(calls),
        done.stderr,
    )
    tfvars.write_text('environment = "prod"\n')


def zips(repository):
    after = {
        "function_name": "shop-order-processor",
        "filename": str(repository.zip),
        "architectures": ["x86_64"],
    }
    repository.plan(
        {
            "address": "f",
            "type": "aws_lambda_function",
            "change": {"actions": ["create"], "before": None, "after": after},
        }
    )
    done, calls = repository.deploy("--yes")
    check(
        "a zip of another architecture",
        done.returncode == 1
        and "is built for arm64, and the plan is for x86_64" in done.stderr
        and not applied(calls),
        done.stderr,
    )
    after["architectures"] = ["arm64"]
    repository.plan(
        {
            "address": "f",
            "type": "aws_lambda_function",
            "change": {"actions": ["create"], "before": None, "after": after},
        }
    )
    done, calls = repository.deploy("--yes")
    check("a zip of the right architecture", done.returncode == 0 and applied(calls), done.stderr)


def losses(repository):
    repository.plan(
        {
            "address": "t",
            "type": "aws_dynamodb_table",
            "change": {"actions": ["delete"], "before": {"name": "sales"}, "after": None},
        }
    )
    done, calls = repository.deploy("--yes")
    check(
        "a table is deleted unasked",
        done.returncode == 1 and "--delete sales" in done.stderr and not applied(calls),
        done.stderr,
    )
    done, calls = repository.deploy("--yes", "--delete", "sales")
    check(
        "a table is deleted once that is allowed",
        done.returncode == 0 and applied(calls),
        done.stderr,
    )


with tempfile.TemporaryDirectory() as scratch:
    repository = Repository(scratch)
    for part in (
        rollbacks,
        forward,
        later_deployments,
        pauses,
        hidden,
        undeclared,
        unread,
        zips,
        losses,
        destroys,
    ):
        part(repository)
if failed:
    sys.exit("\n".join(failed))
print("rollbacks, pauses, what would undo them, wrong zips and deletions are decided as documented")
