"""Runs the functions of LocalStack as processes of this machine, in place of containers.

LocalStack loads it as a plug-in (`LAMBDA_RUNTIME_EXECUTOR=process`). It replaces only what runs a
function. Event source mappings, Invoke and everything around them are LocalStack's own.
"""

import http.server
import queue
import subprocess
import threading
import time

from localstack import config
from localstack.services.lambda_.invocation.lambda_models import InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

_API = "/2018-06-01/runtime/"


class _RuntimeApi(http.server.BaseHTTPRequestHandler):
    """Lambda's Runtime API, for one execution environment."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.executor.ready.set()
        invocation = self.server.executor.invocations.get()
        if invocation is None:
            self.close_connection = True
            return
        payload = invocation["payload"].encode()
        deadline = int((time.time() + self.server.executor.function_version.config.timeout) * 1000)
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", invocation["invoke-id"])
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", invocation["invoked-function-arn"])
        self.send_header("Lambda-Runtime-Deadline-Ms", str(deadline))
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request_id, _, kind = self.path.removeprefix(_API + "invocation/").partition("/")
        self.server.executor.answers.put(InvocationResult(request_id, body, is_error=kind == "error", logs=""))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class ProcessExecutor(RuntimeExecutor):
    """One execution environment: a process that runs the function's `bootstrap` and asks for its invocations."""

    def __init__(self, id, function_version):
        super().__init__(id, function_version)
        self.ready = threading.Event()
        self.invocations = queue.Queue()
        self.answers = queue.Queue()
        self.server = None
        self.process = None

    def start(self, env_vars):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _RuntimeApi)
        self.server.executor = self
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        environment = {name: str(value) for name, value in env_vars.items()}
        environment["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:%d" % self.server.server_port
        environment["PATH"] = "/usr/local/bin:/usr/bin:/bin"
        code = self.function_version.config.code.get_unzipped_code_location()
        self.process = subprocess.Popen([code / "bootstrap"], cwd=code, env=environment)
        while not self.ready.wait(0.05):
            if self.process.poll() is not None:
                raise RuntimeError("the function ended with status %d" % self.process.returncode)

    def stop(self):
        self.invocations.put(None)
        if self.process:
            self.process.kill()
            self.process.wait()
        if self.server:
            self.server.shutdown()
            self.server.server_close()

    def invoke(self, payload):
        self.invocations.put(payload)
        while True:
            try:
                return self.answers.get(timeout=0.5)
            except queue.Empty:
                if self.process.poll() is not None:
                    error = b'{"errorType":"Runtime.ExitError","errorMessage":"the process ended"}'
                    return InvocationResult(payload["invoke-id"], error, is_error=True, logs="")

    def get_address(self):
        return "127.0.0.1"

    def get_endpoint_from_executor(self):
        return "127.0.0.1"

    def get_runtime_endpoint(self):
        return "http://127.0.0.1:%d" % config.GATEWAY_LISTEN[0].port

    def get_logs(self):
        return ""

    @classmethod
    def prepare_version(cls, function_version):
        function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version):
        pass


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    name = "process"

    def load(self, *args, **kwargs):
        return ProcessExecutor
