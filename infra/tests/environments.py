#!/usr/bin/env python3
"""Deploys each environment of infra/env with AWS mocked, and checks what all of them must keep.

Environments differ by tfvars alone, so they have the same parts, except for those behind a switch
(SWITCHES). Policies, encryption and limits are checked as they would be written to AWS.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"

# Parts that an environment may have or not, and the variable that decides.
SWITCHES = {
    r"aws_kms_(key|alias)\.this\[0\]": "customer_managed_key",
    r"aws_schemas_(registry|schema)\..*": "schema_registry",
    r"module\.bucket\[.*\]\.aws_s3_bucket_policy\.this\[0\]": "tls_required",
    r'aws_cloudwatch_metric_alarm\.this\["function-.*-concurrency"\]': "reserve_concurrency",
    r'aws_cloudwatch_metric_alarm\.this\["function-.*-(memory|given-up-.*)"\]': "detailed_metrics",
    r"module\.function\[.*\]\.aws_cloudwatch_log_metric_filter\.memory\[0\]": "detailed_metrics",
    r"aws_ses_.*": "sender_owner",
    r"aws_sns_topic_subscription\..*": "alarm_email_addresses",
}


def deployed(environment):
    """Address -> attributes of everything in the environment."""
    command = [
        ROOT / "scripts" / "terraform",
        "test",
        "-json",
        "-verbose",
        "-test-directory=tests/environments",
        # The test reads it, whether the environment sets it or not; what is set later counts.
        "-var=email_addresses={}",
        f"-var-file=env/{environment}.tfvars",
        "-var=placeholder_zip=./tests/placeholder.zip",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    state = None
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message["type"] == "test_state":
            state = message["test_state"]
        if message["type"] == "diagnostic" and message["diagnostic"]["severity"] == "error":
            found = message["diagnostic"]
            sys.exit(
                f"infra/env/{environment}.tfvars: {found['summary']}: {found.get('detail', '')}"
            )
    if done.returncode or not state:
        sys.exit(
            f"infra/env/{environment}.tfvars: terraform test ended with"
            f" {done.returncode}\n{done.stderr}"
        )

    def resources(module):
        yield from module.get("resources", [])
        for child in module.get("child_modules", []):
            yield from resources(child)

    return {
        found["address"]: found
        for found in resources(state["root_module"])
        if found["mode"] == "managed"
    }


def of_type(resources, kind):
    return [
        (address, found["values"]) for address, found in resources.items() if found["type"] == kind
    ]


def differences(environments):
    union = set().union(*environments.values())
    for address in sorted(union):
        if any(re.fullmatch(pattern, address) for pattern in SWITCHES):
            continue
        for name, resources in environments.items():
            if address not in resources:
                having = ", ".join(
                    other for other in environments if address in environments[other]
                )
                yield (
                    f"{name} lacks {address}, which {having} has: environments differ by values"
                    " alone, or the part belongs into SWITCHES"
                )


def policies(name, resources):
    roles = of_type(resources, "aws_iam_role")
    functions = of_type(resources, "aws_lambda_function")
    # Scheduler has a role for each group of schedules.
    groups = of_type(resources, "aws_scheduler_schedule_group")
    if len({values["name"] for _, values in roles}) != len(functions) + len(groups):
        yield (
            f"{name} has {len(functions)} functions, {len(groups)} groups of schedules and"
            f" {len(roles)} roles: each has one of its own"
        )
    for kind in ("aws_iam_role_policy_attachment", "aws_iam_policy_attachment", "aws_iam_policy"):
        for address, _ in of_type(resources, kind):
            yield f"{name}: {address} gives a role more than its function declares"
    for address, values in of_type(resources, "aws_iam_role_policy"):
        for statement in json.loads(values["policy"])["Statement"]:
            actions, targets = (
                [found] if isinstance(found, str) else found
                for found in (statement["Action"], statement["Resource"])
            )
            if any("*" in action for action in actions):
                yield f"{name}: {address}, statement {statement['Sid']}: a wildcard in an action"
            if "*" in targets and not all(action.startswith("xray:") for action in actions):
                yield f"{name}: {address}, statement {statement['Sid']}: every resource"
    for address, values in roles:
        trust = json.loads(values["assume_role_policy"])["Statement"]
        if any(
            statement.get("Condition", {}).get("StringEquals")
            != {"aws:SourceAccount": "123456789012"}
            for statement in trust
        ):
            yield f"{name}: {address} may be assumed on behalf of another account"


def failure_paths(name, resources):
    for address, values in of_type(resources, "aws_lambda_event_source_mapping"):
        if ":sqs:" in values["event_source_arn"]:
            continue
        if (
            not values["destination_config"]
            or values["maximum_record_age_in_seconds"] < 60
            or values["maximum_retry_attempts"] < 0
        ):
            yield f"{name}: {address} has no bound or no destination"
        if not values["enabled"]:
            yield f"{name}: {address} is paused by what is committed: pauses belong into overrides"
        if not values["function_name"].endswith(":live"):
            yield f"{name}: {address} invokes something else than the alias"
    for address, values in of_type(resources, "aws_cloudwatch_event_target"):
        if not values["dead_letter_config"] or not values["retry_policy"]:
            yield f"{name}: {address} has no bound or no dead-letter queue"
    for address, values in of_type(resources, "aws_cloudwatch_log_group"):
        if not values["retention_in_days"]:
            yield f"{name}: {address} keeps logs for ever"


def identities(resources):
    """Senders that an environment registers at SES, and would delete with itself."""
    for kind, attribute in (
        ("aws_ses_email_identity", "email"),
        ("aws_ses_domain_identity", "domain"),
    ):
        yield from (values[attribute] for _, values in of_type(resources, kind))


def shared_identities(environments):
    owners = {}
    for name, resources in environments.items():
        # Not an account: whatever is registered there is lost with the emulator.
        for identity in identities(resources) if name != "local" else ():
            if identity in owners:
                yield (
                    f"{owners[identity]} and {name} both register the sender {identity}, and"
                    " deleting one would take it from the other: set sender_owner of both to the"
                    " one that keeps it"
                )
            owners[identity] = name


def encryption(name, resources):
    own = bool(of_type(resources, "aws_kms_key"))
    attributes = {
        "aws_sqs_queue": "kms_master_key_id",
        "aws_kinesis_stream": "kms_key_id",
        "aws_lambda_function": "kms_key_arn",
        "aws_cloudwatch_log_group": "kms_key_id",
        "aws_sns_topic": "kms_master_key_id",
    }
    for kind, attribute in attributes.items():
        for address, values in of_type(resources, kind):
            if own and values[attribute] != KEY:
                yield f"{name}: {address} does not use the environment's key"
    for address, values in of_type(resources, "aws_dynamodb_table"):
        found = [
            side["kms_key_arn"] for side in values["server_side_encryption"] if side["enabled"]
        ]
        if own and found != [KEY]:
            yield f"{name}: {address} does not use the environment's key"
    for address, values in of_type(resources, "aws_s3_bucket_public_access_block"):
        if not all(
            values[side]
            for side in (
                "block_public_acls",
                "block_public_policy",
                "ignore_public_acls",
                "restrict_public_buckets",
            )
        ):
            yield f"{name}: {address} lets the bucket be public"


def production(resources):
    """What the README promises of prod."""
    for address, values in of_type(resources, "aws_kinesis_stream"):
        if values["retention_period"] < 168:
            yield (
                f"prod: {address} forgets records after {values['retention_period']} hours; a week"
                " is promised"
            )
    for address, values in of_type(resources, "aws_lambda_event_source_mapping"):
        # What a queue gives up is in its dead-letter queue.
        is_stream = values["starting_position"] is not None
        if is_stream and [config["metrics"] for config in values["metrics_config"]] != [["EventCount"]]:
            yield f"prod: {address} does not count the events that it gives up"
    for address, values in of_type(resources, "aws_dynamodb_table"):
        if (
            not values["deletion_protection_enabled"]
            or not values["point_in_time_recovery"][0]["enabled"]
        ):
            yield f"prod: {address} can be deleted, or not be restored"
    for address, values in of_type(resources, "aws_lambda_function"):
        if values["reserved_concurrent_executions"] < 1:
            yield f"prod: {address} has no concurrency of its own"
    for kind in ("aws_sqs_queue", "aws_s3_bucket_policy"):
        if not of_type(resources, kind):
            yield f"prod has no {kind}"
        for address, values in of_type(resources, kind):
            if "aws:SecureTransport" not in values["policy"]:
                yield f"prod: {address} takes requests without TLS"


def main():
    names = sorted(path.stem for path in INFRA.glob("env/*.tfvars"))
    environments = {name: deployed(name) for name in names}
    problems = [*differences(environments), *shared_identities(environments)]
    for name, resources in environments.items():
        for check in (policies, failure_paths, encryption):
            problems += check(name, resources)
    problems += production(environments["prod"])
    if problems:
        sys.exit("\n".join(problems))
    print(
        "; ".join(f"{name}: {len(resources)} resources" for name, resources in environments.items())
    )


main()
