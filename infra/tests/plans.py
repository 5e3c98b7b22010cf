#!/usr/bin/env python3
"""Checks what `scripts/planned` reports of a plan.

The account and the region; a state of another environment; data that would be deleted; rollbacks
and pauses that would end; changes by hand; zips that could not start.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

PLANNED = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "planned"


def change(address, kind, actions, **before):
    return {
        "address": address,
        "type": kind,
        "change": {"actions": actions, "before": before or None},
    }


def said(plan):
    done = subprocess.run([PLANNED], input=json.dumps(plan), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"scripts/planned ended with {done.returncode}: {done.stderr}")
    return done.stdout.splitlines()


UNTIED = "untied state the state does not say which environment it belongs to"
IDENTITY = {"address": "data.aws_caller_identity.current", "values": {"account_id": "123456789012"}}
PLAN = {
    "variables": {"region": {"value": "eu-west-1"}},
    "prior_state": {"values": {"root_module": {"resources": [IDENTITY]}}},
    "resource_changes": [
        change("t.kept", "aws_dynamodb_table", ["update"], name="kept"),
        change("t.new", "aws_dynamodb_table", ["create"]),
        change("t.gone", "aws_dynamodb_table", ["delete"], name="shop-gone"),
        change("t.replaced", "aws_dynamodb_table", ["delete", "create"], name="shop-replaced"),
        change("s.early", "aws_kinesis_stream", ["create", "delete"], name="shop-early"),
        change("k", "aws_kms_key", ["delete"], key_id="k-1"),
        change("b", "aws_s3_bucket", ["delete"], bucket="letters"),
        change("q", "aws_sqs_queue", ["delete"], name="queue"),
        change("e", "aws_cloudwatch_event_bus", ["delete"], name="bus"),
        change("a", "aws_cloudwatch_event_archive", ["delete"], name="archive"),
        change("alarm", "aws_cloudwatch_metric_alarm", ["delete"], alarm_name="alarm"),
    ],
}
EXPECTED = [
    "123456789012 eu-west-1",
    UNTIED,
    "delete archive a",
    "delete letters b",
    "delete bus e",
    "delete k-1 k",
    "delete queue q",
    "replace shop-early s.early",
    "delete shop-gone t.gone",
    "replace shop-replaced t.replaced",
]


def packed(directory, name, program):
    path = pathlib.Path(directory) / f"{name}.zip"
    with zipfile.ZipFile(path, "w") as written:
        written.writestr("bootstrap", program)
    return str(path)


def spoilt(directory, name, flags=None, method=None, program=b""):
    """A zip with other flags, another compression method, or other bytes at its program's start."""
    path = pathlib.Path(directory) / f"{name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr("bootstrap", elf(62))
    packed = bytearray(path.read_bytes())
    for header, at in ((0, 6), (packed.index(b"PK\1\2"), 8)):
        if flags is not None:
            packed[header + at : header + at + 2] = flags.to_bytes(2, "little")
        if method is not None:
            packed[header + at + 2 : header + at + 4] = method.to_bytes(2, "little")
    begin = 30 + len("bootstrap")
    packed[begin : begin + len(program)] = program
    path.write_bytes(packed)
    return str(path)


def elf(machine):
    return b"\x7fELF\x02\x01\x01" + bytes(11) + machine.to_bytes(2, "little") + bytes(40)


def function(name, filename, architecture, *actions):
    after = {"function_name": name, "filename": filename, "architectures": [architecture]}
    return {
        "address": name,
        "type": "aws_lambda_function",
        "change": {"actions": actions, "before": None, "after": after},
    }


def changed(function, kind, address, index=None, **attributes):
    before, after = ({name: values[side] for name, values in attributes.items()} for side in (0, 1))
    return {
        "address": f'module.function["{function}"].{address}',
        "type": kind,
        "index": index,
        "change": {"actions": ["update"], "before": before, "after": after},
    }


def drifted(*where, **attributes):
    return changed("order-processor", *where, **attributes)


def check(what, found, expected):
    if found != expected:
        sys.exit(
            f"{what}: scripts/planned said\n  "
            + "\n  ".join(found)
            + "\nand must say\n  "
            + "\n  ".join(expected)
        )


with tempfile.TemporaryDirectory() as scratch:
    x86, arm, script = (
        packed(scratch, "x86", elf(62)),
        packed(scratch, "arm", elf(183)),
        packed(scratch, "script", "#!/bin/sh\n"),
    )
    pathlib.Path(scratch, "broken.zip").write_text("no zip")
    damaged = spoilt(scratch, "damaged", program=b"\xff" * 8)
    encrypted, unpackable = spoilt(scratch, "encrypted", flags=1), spoilt(
        scratch, "unpackable", method=99
    )
    zips = {
        "resource_changes": [
            function("right", x86, "x86_64", "create"),
            function("wrong", arm, "x86_64", "create"),
            function("wrong-too", x86, "arm64", "update"),
            function("no-program", script, "arm64", "create"),
            function("as-it-was", arm, "x86_64", "no-op"),
            function("broken", f"{scratch}/broken.zip", "x86_64", "create"),
            function("damaged", damaged, "x86_64", "create"),
            function("encrypted", encrypted, "x86_64", "create"),
            function("unknown-packing", unpackable, "x86_64", "create"),
        ]
    }
    check(
        "zips",
        said(zips),
        [
            "unknown unknown",
            UNTIED,
            f"zip wrong {arm} is built for arm64, and the plan is for x86_64",
            f"zip wrong-too {x86} is built for x86_64, and the plan is for arm64",
            f"zip broken {scratch}/broken.zip cannot be read as a zip: File is not a zip file",
            (
                f"zip damaged {damaged} cannot be read as a zip: Error -3 while decompressing data:"
                " invalid block type"
            ),
            (
                f"zip encrypted {encrypted} cannot be read as a zip: File 'bootstrap' is encrypted,"
                " password required for extraction"
            ),
            (
                f"zip unknown-packing {unpackable} cannot be read as a zip: That compression method"
                " is not supported"
            ),
        ],
    )

MAPPING = 'aws_lambda_event_source_mapping.this["orders"]'


def published(function, version, *actions, **attributes):
    found = changed(
        function,
        "aws_lambda_function",
        "aws_lambda_function.this",
        version=(version, version),
        **attributes,
    )
    found["change"]["actions"] = list(actions) or ["no-op"]
    return found


def alias(function, before, after):
    return changed(
        function, "aws_lambda_alias", "aws_lambda_alias.live", function_version=(before, after)
    )


def mapping(function, before, after):
    return changed(
        function,
        "aws_lambda_event_source_mapping",
        MAPPING,
        index="orders",
        enabled=(before, after),
    )


by_hand = {
    "variables": {"environment": {"value": "prod"}},
    "resource_drift": [
        drifted(
            "aws_lambda_alias",
            "aws_lambda_alias.live",
            function_version=("7", "8"),
            description=("", ""),
        ),
        drifted(
            "aws_lambda_alias",
            "aws_lambda_alias.live",
            function_version=("8", "8"),
            description=("", "by hand"),
        ),
        mapping("order-processor", False, True),
        drifted(
            "aws_lambda_function",
            "aws_lambda_function.this",
            reserved_concurrent_executions=(-1, 0),
        ),
        alias("notification", "8", "7"),
        alias("event-publisher", "8", "7"),
    ],
    # One is declared to stay at 7, and another is not in this plan.
    "resource_changes": [
        alias("order-processor", "8", "7"),
        mapping("order-processor", True, False),
        published("order-processor", "8", "update", reserved_concurrent_executions=(0, -1)),
        alias("notification", "7", "7"),
    ],
}
check(
    "changes by hand",
    said(
        by_hand | {
            "variables": {
                "environment": {"value": "prod"},
                "versions": {"value": {"order-processor": "7"}},
            }
        }
    ),
    [
        "unknown unknown",
        UNTIED,
        (
            "drift order-processor somebody moved its alias from version 7 to 8; to stay there:"
            " make rollback ENV=prod FUNCTION=order-processor VERSION=8"
        ),
        (
            "drift order-processor somebody changed whether its source orders is read from false to"
            " true; to pause it: make pause ENV=prod SOURCE=order-processor.orders REASON=…"
        ),
        (
            "drift order-processor somebody changed its reserved concurrency from -1 to 0; to keep"
            " it, declare reserved_concurrency in the topology"
        ),
    ],
)

# A rollback and a pause of which the overrides here know nothing: drift if they are new, and none
# once a plan was applied elsewhere.
for seen_before in (False, True):
    undeclared = {
        "variables": {
            "environment": {"value": "prod"},
            "versions": {"value": {"order-projection": "5"}},
        },
        "resource_drift": (
            []
            if seen_before
            else [alias("order-processor", "8", "7"), mapping("order-processor", True, False)]
        ),
        "resource_changes": [
            published("order-processor", "8"),
            alias("order-processor", "7", "8"),
            mapping("order-processor", False, True),
            # A deployment as any: the alias follows to a version that is not known yet.
            published("notification", "3", "update"),
            alias("notification", "3", None),
            mapping("notification", True, True),
            # From one version to another, as declared.
            published("order-projection", "8"),
            alias("order-projection", "7", "5"),
            # With new code, over one that was left.
            published("event-publisher", "8", "update"),
            alias("event-publisher", "6", None),
            # Its function is not in the plan: nobody knows.
            alias("refunds", "2", "3"),
        ],
    }
    check(
        "undeclared rollbacks and pauses",
        said(undeclared),
        [
            "unknown unknown",
            UNTIED,
            (
                "undo order-processor its alias is at version 7 and the newest is 8 (a rollback, or"
                " a deployment that failed half-way), and this plan moves it to 8; to stay there:"
                " make rollback ENV=prod FUNCTION=order-processor VERSION=7"
            ),
            (
                "undo order-processor.orders this source is not read, and this plan reads it again;"
                " to keep it paused: make pause ENV=prod SOURCE=order-processor.orders REASON=…"
            ),
            (
                "undo event-publisher its alias is at version 6 and the newest is 8 (a rollback, or"
                " a deployment that failed half-way), and this plan moves it to the one that it"
                " makes; to stay there: make rollback ENV=prod FUNCTION=event-publisher VERSION=6"
            ),
            (
                "undo refunds its alias is at version 2 and the newest is unknown (a rollback, or a"
                " deployment that failed half-way), and this plan moves it to 3; to stay there:"
                " make rollback ENV=prod FUNCTION=refunds VERSION=2"
            ),
        ],
    )

HERE = {
    "environment": "prod",
    "account_id": "123456789012",
    "region": "eu-west-1",
    "name_prefix": "shop-prod-",
}
for other, text in (
    ({}, None),
    (
        {"environment": "dev", "name_prefix": "shop-dev-"},
        "environment 'dev' instead of 'prod', name_prefix 'shop-dev-' instead of 'shop-prod-'",
    ),
    ({"account_id": "999999999999"}, "account_id '999999999999' instead of '123456789012'"),
    ({"region": "us-east-1"}, "region 'us-east-1' instead of 'eu-west-1'"),
):
    tied = {"address": "terraform_data.environment", "values": {"output": HERE | other}}
    plan = {
        "variables": {
            name: {"value": HERE[name]} for name in ("environment", "region", "name_prefix")
        },
        "prior_state": {"values": {"root_module": {"resources": [IDENTITY, tied]}}},
    }
    lines = [
        f"elsewhere state this state is of another environment than the plan: {text}. Select its"
        " environment, and set AWS_PROFILE to its account"
    ]
    check(
        "the environment of the state",
        said(plan),
        ["123456789012 eu-west-1", *(lines if text else [])],
    )

# What ends in an error has said nothing before it.
done = subprocess.run(
    [PLANNED],
    input=json.dumps(
        {"resource_changes": [change("t", "aws_dynamodb_table", ["delete"]), {"address": "x"}]}
    ),
    capture_output=True,
    text=True,
)
if done.returncode == 0 or done.stdout:
    sys.exit(
        f"scripts/planned ended with {done.returncode} after an error, and said {done.stdout!r}"
    )

found = said(PLAN)
if found != EXPECTED:
    sys.exit(
        "scripts/planned said\n  "
        + "\n  ".join(found)
        + "\nand must say\n  "
        + "\n  ".join(EXPECTED)
    )
if said({}) != ["unknown unknown", UNTIED]:
    sys.exit(f"of an empty plan, scripts/planned said {said({})}")
print(
    f"{len(EXPECTED) - 2} deletions and replacements are named, the account, what ends unasked,"
    " changes by hand, and wrong zips"
)
