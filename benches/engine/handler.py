"""The same function for MiniStack's Python executor."""

import json
import os
import socket
import struct
import time

collector = socket.socket(socket.AF_UNIX)
collector.connect(os.environ["COLLECTOR"])
talks = "TALKS" in os.environ


def handler(event, context):
    at = time.time_ns()
    body = json.dumps(event).encode()
    records = len(event.get("Records", ())) + ("detail-type" in event)
    collector.sendall(struct.pack("<QII", at, records, len(body)) + body)
    if talks:
        print("handled", flush=True)
