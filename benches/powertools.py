"""The side of Powertools for AWS Lambda (Python), in its fastest documented set-up.

powertools.py WORK WARM_UP EVENTS [--cache ITEMS] [--threads]

The record handler is synchronous (`BatchProcessor`), because `idempotent_function` does not accept a
coroutine. The key is passed as the data argument itself, so no JMESPath is searched and only a short
text is copied and hashed. Payload validation is off; with it, Powertools would hash and compare more.
(Tidegate's cannot be switched off.) Failed conditions return the item (`ALL_OLD`), so a duplicate
costs one request. The local cache is off by default: it costs a little, and helps only if the same
environment receives a record twice. botocore does not validate parameters, and keeps its connection
alive.

`--threads` runs the same handler in threads under `AsyncBatchProcessor`, which overlaps calls. No
documentation describes this with idempotency.
"""

import argparse
import asyncio
import json
import os
import sys
import time

import boto3
from aws_lambda_powertools.utilities.batch import (
    AsyncBatchProcessor,
    BatchProcessor,
    EventType,
    async_process_partial_response,
    process_partial_response,
)
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from botocore.config import Config
from botocore.exceptions import ClientError

MONTH = 31 * 24 * 3600


class Context:
    """What Lambda's context object tells of an invocation."""

    function_name = "benchmark"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:benchmark"
    aws_request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"

    def __init__(self):
        self.end = time.monotonic() + 60

    def get_remaining_time_in_millis(self):
        return int((self.end - time.monotonic()) * 1000)


arguments = argparse.ArgumentParser()
arguments.add_argument("work", choices=["none", "claim", "claim-and-put", "put"])
arguments.add_argument("warm_up")
arguments.add_argument("events")
arguments.add_argument("--cache", type=int, default=0)
arguments.add_argument("--threads", action="store_true")
options = arguments.parse_args()

# One processor, as the other side has. A machine with one has no other.
os.sched_setaffinity(0, {0})

client = boto3.client(
    "dynamodb",
    config=Config(parameter_validation=False, tcp_keepalive=True, max_pool_connections=32),
)
store = DynamoDBPersistenceLayer(table_name="powertools", boto3_client=client)
config = IdempotencyConfig(
    expires_after_seconds=MONTH,
    use_local_cache=options.cache > 0,
    local_cache_max_items=options.cache or 256,
)
ran = 0


def total(order):
    return sum(line["quantity"] * line["unit_price"] for line in order["lines"])


def put(order, condition=None):
    """Writes the order as an item of its own: the business result."""
    lines = [
        {
            "M": {
                name: {"N": str(value)} if isinstance(value, int) else {"S": value}
                for name, value in line.items()
            }
        }
        for line in order["lines"]
    ]
    item = {
        "order_id": {"S": order["order_id"]},
        "customer_id": {"S": order["customer_id"]},
        "country": {"S": order["country"]},
        "currency": {"S": order["currency"]},
        "ordered_at": {"S": order["ordered_at"]},
        "total": {"N": str(total(order))},
        "lines": {"L": lines},
    }
    client.put_item(TableName="orders", Item=item, **({"ConditionExpression": condition} if condition else {}))


@idempotent_function(data_keyword_argument="order_id", config=config, persistence_store=store)
def claimed(order_id, order):
    global ran
    ran += 1
    if options.work == "claim-and-put":
        put(order)
    return total(order)


def handle(record):
    global ran
    order = record.kinesis.data_as_json()["data"]
    if options.work == "none":
        ran += 1
        return total(order)
    if options.work == "put":
        try:
            put(order, "attribute_not_exists(order_id)")
            ran += 1
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
        return None
    return claimed(order_id=order["order_id"], order=order)


async def handle_in_a_thread(record):
    return await asyncio.to_thread(handle, record)


if options.threads:
    processor = AsyncBatchProcessor(event_type=EventType.KinesisDataStreams)
    process, handler = async_process_partial_response, handle_in_a_thread
else:
    processor = BatchProcessor(event_type=EventType.KinesisDataStreams)
    process, handler = process_partial_response, handle


def invoke(text):
    """One invocation: from the event's text to the text of the answer, as Lambda's runtime does it."""
    event, context = json.loads(text), Context()
    config.register_lambda_context(context)
    answer = process(event=event, record_handler=handler, processor=processor, context=context)
    if answer["batchItemFailures"]:
        sys.exit(f"powertools.py: records failed: {answer}")
    json.dumps(answer)
    return len(event["Records"])


def lines(path):
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


warm_up, events = lines(options.warm_up), lines(options.events)
for line in warm_up:
    invoke(line)
print("ready", flush=True)
sys.stdin.readline()
ran = 0
wall, cpu = time.perf_counter_ns(), time.process_time_ns()
records = sum(invoke(line) for line in events)
measured = {"wall_ns": time.perf_counter_ns() - wall, "cpu_ns": time.process_time_ns() - cpu}
print(json.dumps({"applied": ran, "duplicate": records - ran, **measured}), flush=True)
