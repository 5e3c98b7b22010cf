#!/usr/bin/env python3
"""Checks what `scripts/planned` says of a plan: where it goes, what that holds data it would delete, what somebody has changed by
hand, and which zips could not start."""

import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

PLANNED = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "planned"


def change(address, kind, actions, **before):
    return {"address": address, "type": kind, "change": {"actions": actions, "before": before or None}}


def said(plan):
    done = subprocess.run([PLANNED], input=json.dumps(plan), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"scripts/planned ended with {done.returncode}: {done.stderr}")
    return done.stdout.splitlines()


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


def elf(machine):
    return b"\x7fELF\x02\x01\x01" + bytes(11) + machine.to_bytes(2, "little") + bytes(40)


def function(name, filename, architecture, *actions):
    after = {"function_name": name, "filename": filename, "architectures": [architecture]}
    return {"address": name, "type": "aws_lambda_function", "change": {"actions": actions, "before": None, "after": after}}


def changed(function, kind, address, index=None, **attributes):
    before, after = ({name: values[side] for name, values in attributes.items()} for side in (0, 1))
    return {"address": f'module.function["{function}"].{address}', "type": kind, "index": index, "change": {"actions": ["update"], "before": before, "after": after}}


def drifted(*where, **attributes):
    return changed("order-processor", *where, **attributes)


def check(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: scripts/planned said\n  " + "\n  ".join(found) + "\nand must say\n  " + "\n  ".join(expected))


with tempfile.TemporaryDirectory() as scratch:
    x86, arm, script = packed(scratch, "x86", elf(62)), packed(scratch, "arm", elf(183)), packed(scratch, "script", "#!/bin/sh\n")
    pathlib.Path(scratch, "broken.zip").write_text("no zip")
    zips = {"resource_changes": [
        function("right", x86, "x86_64", "create"),
        function("wrong", arm, "x86_64", "create"),
        function("wrong-too", x86, "arm64", "update"),
        function("no-program", script, "arm64", "create"),
        function("as-it-was", arm, "x86_64", "no-op"),
        function("broken", f"{scratch}/broken.zip", "x86_64", "create"),
    ]}  # fmt: skip
    check("zips", said(zips), [
        "unknown unknown",
        f"zip wrong {arm} is built for arm64, and the plan is for x86_64",
        f"zip wrong-too {x86} is built for x86_64, and the plan is for arm64",
        f"zip broken {scratch}/broken.zip cannot be read as a zip: File is not a zip file",
    ])  # fmt: skip

by_hand = {
    "variables": {"environment": {"value": "prod"}},
    "resource_drift": [
        drifted("aws_lambda_alias", "aws_lambda_alias.live", function_version=("8", "7"), description=("", "")),
        drifted("aws_lambda_alias", "aws_lambda_alias.live", function_version=("8", "8"), description=("", "by hand")),
        drifted("aws_lambda_event_source_mapping", 'aws_lambda_event_source_mapping.this["orders"]', index="orders", enabled=(True, False)),
        drifted("aws_lambda_function", "aws_lambda_function.this", reserved_concurrent_executions=(-1, 0)),
        changed("notification", "aws_lambda_alias", "aws_lambda_alias.live", function_version=("8", "7")),
        changed("event-publisher", "aws_lambda_alias", "aws_lambda_alias.live", function_version=("8", "7")),
    ],
    # One is declared to stay at 7, and another is not in this plan.
    "resource_changes": [
        drifted("aws_lambda_alias", "aws_lambda_alias.live", function_version=("7", "8")),
        drifted("aws_lambda_event_source_mapping", 'aws_lambda_event_source_mapping.this["orders"]', index="orders", enabled=(False, True)),
        drifted("aws_lambda_function", "aws_lambda_function.this", reserved_concurrent_executions=(0, -1)),
        changed("notification", "aws_lambda_alias", "aws_lambda_alias.live", function_version=("7", "7")),
    ],
}
check("changes by hand", said(by_hand), [
    "unknown unknown",
    "drift order-processor somebody moved its alias from version 8 to 7; to stay there: make rollback ENV=prod FUNCTION=order-processor VERSION=7",
    "drift order-processor somebody changed whether its source orders is read from true to false; to pause it: make pause ENV=prod SOURCE=order-processor.orders REASON=…",
    "drift order-processor somebody changed its reserved concurrency from -1 to 0; to keep it, declare reserved_concurrency in the topology",
])  # fmt: skip

found = said(PLAN)
if found != EXPECTED:
    sys.exit("scripts/planned said\n  " + "\n  ".join(found) + "\nand must say\n  " + "\n  ".join(EXPECTED))
if said({}) != ["unknown unknown"]:
    sys.exit(f"of an empty plan, scripts/planned said {said({})}")
print(f"{len(EXPECTED) - 1} deletions and replacements are named, the account, changes by hand, and wrong zips")
