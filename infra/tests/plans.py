#!/usr/bin/env python3
"""Checks what `scripts/planned` says of a plan: where it goes, and what that holds data it would delete."""

import json
import pathlib
import subprocess
import sys

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
found = said(PLAN)
if found != EXPECTED:
    sys.exit("scripts/planned said\n  " + "\n  ".join(found) + "\nand must say\n  " + "\n  ".join(EXPECTED))
if said({}) != ["unknown unknown"]:
    sys.exit(f"of an empty plan, scripts/planned said {said({})}")
print(f"{len(EXPECTED) - 1} deletions and replacements are named, and the account")
