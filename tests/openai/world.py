"""A hub whose models are mocks of two providers, as processes on this machine.

AGENTOS_HUB and AGENTOS_MOCK_PROVIDER are the programs."""

import json
import os
import pathlib
import socket
import subprocess
import time
import urllib.request

from openai import OpenAI

HUB = os.environ["AGENTOS_HUB"]
MOCK = os.environ["AGENTOS_MOCK_PROVIDER"]
# How long anything here may take, in seconds.
PATIENCE = 30
# What the mocks answer.
WORDS = "w0 w1 w2 w3 w4 "
WEATHER = {"city": "Lisbon", "days": 3}
PERSON = {"name": "Ada", "age": 36}
PROVIDERS = ["openai", "anthropic"]
MODELS = {"openai": "gpt-5-mini", "anthropic": "claude-opus-5"}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class World:
    """The processes: mocks of providers, and a hub before them."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.log = folder / "hub.log"
        self.running = []
        self.mocks = {}

    def mock(self, name: str, *args: str) -> None:
        command = [MOCK, "--keep", "100", *args]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.running.append(process)
        self.mocks[name] = process.stdout.readline().strip()

    def asked(self, name: str) -> list:
        with urllib.request.urlopen(f"http://{self.mocks[name]}/mock/requests") as answer:
            return json.load(answer)

    def start(self) -> None:
        self.mock("words", "--chunks", "5", "--json", json.dumps(PERSON))
        self.mock("tools", "--chunks", "0", "--tool-call", f"weather={json.dumps(WEATHER)}")
        # By a call of this name a model of Anthropic's gives an answer of a form.
        self.mock("form", "--chunks", "0", "--tool-call", f"answer={json.dumps(PERSON)}")
        self.mock("slow", "--chunks", "10000", "--gap-ms", "20")
        self.mock("limited", "--fault", "429")
        self.mock("broken", "--chunks", "9", "--fault", "close@4")
        models = []
        for mock, address in self.mocks.items():
            for provider in PROVIDERS:
                path = "/v1" if provider == "openai" else ""
                models.append(
                    {
                        "model_name": f"{mock}-{provider}",
                        "litellm_params": {
                            "model": f"{provider}/{MODELS[provider]}",
                            "api_base": f"http://{address}{path}",
                            "api_key": "sk-of-nobody",
                        },
                    }
                )
        config = self.folder / "agent_os.yaml"
        # JSON is YAML.
        config.write_text(json.dumps({"models": {"model_list": models}}))
        data = self.folder / "hub"
        data.mkdir()
        self.port = free_port()
        command = [HUB, "serve", "--config", str(config), "--data", str(data)]
        command += ["--listen", f"127.0.0.1:{self.port}"]
        command += ["--link-listen", f"127.0.0.1:{free_port()}"]
        environment = {"HOME": str(self.folder), "PATH": os.environ["PATH"]}
        with self.log.open("w") as log:
            hub = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self.running.append(hub)
        self.base = f"http://127.0.0.1:{self.port}"
        eventually("the hub's API", lambda: hub.poll() is None and self.is_up())
        self.key = (data / "admin.key").read_text().strip()

    def is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.base}/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self) -> None:
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()

    def last_words(self) -> str:
        """The end of what the hub has logged."""
        return self.log.read_text()[-8000:] if self.log.exists() else ""

    def reader(self) -> str:
        """A key that may read and nothing else."""
        body = json.dumps({"name": "reader", "scopes": ["read"]}).encode()
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        request = urllib.request.Request(f"{self.base}/api/keys", body, headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["key"]

    def client(self, **options) -> OpenAI:
        return OpenAI(**self.options(options))

    def options(self, options: dict) -> dict:
        usual = {"base_url": f"{self.base}/v1", "api_key": self.key, "max_retries": 0}
        return {**usual, "timeout": PATIENCE, **options}


def eventually(what: str, probe) -> None:
    end = time.monotonic() + PATIENCE
    while not probe():
        assert time.monotonic() < end, f"waited {PATIENCE} s for {what}"
        time.sleep(0.05)
