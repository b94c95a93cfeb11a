"""What the sockets say to a client that nobody here wrote: Python's `websockets`."""

import json
import os
import re
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path

import msgpack
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

ROOT = Path(__file__).resolve().parents[2]
HOST = os.environ.get("BOOKSTRACK_HOST", ROOT / "target/release/host")
LIBRARY = (ROOT / "tests/data/goodreads_library_export.csv").read_bytes()
SHELF = b"".join(LIBRARY.splitlines(keepends=True)[:40])
PHOTO = (ROOT / "tests/data/bookshelf-13.jpg").read_bytes()
PATIENCE = 30

server = None


class Server:
    """The application on a port of its own. It works in small steps: the library takes longer than all tests do."""

    def __init__(self):
        self.state = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [
                HOST, "up", "--no-build", "--listen", "127.0.0.1:0", "--state-dir", self.state.name,
                "--sandbox", "--sandbox-delay", "100ms", "--variable", "tuning=wave_items=5 remember_books=0",
            ],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        for line in self.process.stdout:
            if serving := re.match(r"Serving \w+ on http://(\S+)", line):
                self.address = serving[1]
                return
        raise RuntimeError(f"{HOST} did not start")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.state.cleanup()

    def ask(self, method, path, body=None, **headers):
        request = urllib.request.Request(f"http://{self.address}{path}", body, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return json.load(response)

    def import_books(self, csv):
        return self.ask("POST", "/api/v2/imports", csv, **{"Content-Type": "text/csv"})["data"]

    def cancel(self, job):
        self.ask("DELETE", f"/api/v2/imports/{job['jobId']}", Authorization=f"Bearer {job['authToken']}")

    def open(self, query, **options):
        return connect(f"ws://{self.address}/ws/progress?{query}", open_timeout=PATIENCE, proxy=None, **options)


def setUpModule():
    global server
    server = Server()


def tearDownModule():
    server.stop()


def rest(socket):
    """Every message up to the close, and its code."""
    messages = []
    try:
        while True:
            messages.append(socket.recv(PATIENCE))
    except ConnectionClosed as closed:
        return messages, closed.rcvd.code


def fixture(name):
    return json.loads((ROOT / f"tests/fixtures/ws-{name}.json").read_text())


class AsTheFirstApp(unittest.TestCase):
    def test_scans_a_shelf(self):
        with server.open("jobId=my-own-name") as socket:
            for _ in range(5):
                socket.send("PING")
                self.assertEqual(socket.recv(PATIENCE), "PONG")
            server.ask("POST", "/scan/ready/my-own-name", b"")
            server.ask("POST", "/scan?jobId=my-own-name", PHOTO, **{"Content-Type": "image/jpeg"})
            messages, code = rest(socket)
        *before, last = map(json.loads, messages)
        self.assertEqual(code, 1000)
        self.assertEqual({message["type"] for message in [*before, last]}, {"progress"})
        self.assertGreater(len(before), 1)
        self.assertEqual(last["data"].keys(), fixture("legacy-complete")["data"].keys())
        result = last["data"]["result"]
        self.assertEqual(len(result["books"]), result["totalDetected"])


class Schema:
    """What holds in every schema; `options` says how the clients of that generation show their token."""

    version = None
    progress_type = "job_progress"
    last_type = "job_complete"

    @classmethod
    def setUpClass(cls):
        cls.job = server.import_books(LIBRARY)

    @classmethod
    def tearDownClass(cls):
        server.cancel(cls.job)

    def open(self, job=None, token=None, encoding="json"):
        job = job or self.job
        query, options = self.credentials(token or job["authToken"])
        return server.open(f"jobId={job['jobId']}&encoding={encoding}{query}", **options)

    def until(self, socket, wanted):
        """The next message that is `wanted`; what comes before it is progress, or the end on a slow machine."""
        while True:
            message = socket.recv(PATIENCE)
            if wanted(message):
                return message
            self.assertIn(json.loads(message)["type"], ["job_started", self.progress_type, self.last_type])

    def is_of_type(self, wanted):
        return lambda message: message.startswith("{") and json.loads(message)["type"] == wanted

    def check_last(self, last):
        self.assertEqual(last["version"], self.version)
        self.assertEqual(last["payload"].keys(), fixture(self.last_fixture)["payload"].keys())

    def test_follows_an_import_to_its_end(self):
        job = server.import_books(SHELF)
        with self.open(job) as socket, self.open(job, encoding="msgpack") as packed_socket:
            messages, code = rest(socket)
            packed, packed_code = rest(packed_socket)
        self.assertEqual((code, packed_code), (1000, 1000))
        *before, last = map(json.loads, messages)
        self.assertGreater(len(before), 1)
        for message in before:
            self.assertIn(message["type"], ["job_started", self.progress_type])
            self.assertEqual(message["jobId"], job["jobId"])
        self.assertEqual(last["type"], self.last_type)
        self.check_last(last)
        self.assertTrue(all(isinstance(message, bytes) for message in packed))
        packed_last = msgpack.unpackb(packed[-1])
        for message in last, packed_last:
            message.pop("timestamp", None)
        self.assertEqual(packed_last, last)

    def test_a_wrong_token_gets_no_socket(self):
        with self.assertRaises(InvalidStatus) as refusal:
            self.open(token="wrong")
        response = refusal.exception.response
        self.assertEqual(response.status_code, 401)
        self.assertEqual(json.loads(response.body)["error"]["code"], "UNAUTHORIZED")

    def test_pings_of_every_kind_are_answered(self):
        # Not the one of all tests: it may have ended by now.
        job = server.import_books(LIBRARY)
        self.addCleanup(server.cancel, job)
        with self.open(job) as socket:
            self.assertTrue(socket.ping().wait(PATIENCE))
            socket.send("PING")
            self.until(socket, lambda message: message == "PONG")
            ping = {"type": "ping", "payload": {"clientTime": 1769850902100}}
            text = json.dumps(ping)
            # In fragments.
            socket.send([text[:5], text[5:9], text[9:]])
            pong = self.until(socket, self.is_of_type("pong"))
            self.assertIn("1769850902100", pong)
        with self.open(job, encoding="msgpack") as socket:
            socket.send(msgpack.packb(ping))
            while (message := msgpack.unpackb(socket.recv(PATIENCE)))["type"] != "pong":
                pass
            self.assertIn("1769850902100", str(message))

    def test_what_is_no_message_closes_the_socket(self):
        for rubbish in [b"\xff\xfe\x00", "{", "[]"]:
            with self.subTest(rubbish), self.open() as socket:
                socket.send(rubbish)
                messages, code = rest(socket)
                self.assertEqual(code, 1002)
                says_so = any(json.loads(message)["type"] == "error" for message in messages)
                self.assertEqual(says_so, self.version is not None)
        with self.open() as socket:
            socket.send("x" * (65 << 10))
            self.assertEqual(rest(socket)[1], 1009)


class Legacy(Schema, unittest.TestCase):
    progress_type = last_type = "progress"

    def credentials(self, token):
        return f"&token={token}&schema=legacy", {}

    def check_last(self, last):
        self.assertEqual(last["data"]["currentStatus"], "Complete")
        self.assertEqual(last["data"]["progress"], 1)


class First(Schema, unittest.TestCase):
    version = "1.0.0"
    last_fixture = "v1-job-complete"

    def credentials(self, token):
        return f"&token={token}", {}


class Second(Schema, unittest.TestCase):
    version = "2.0.0"
    last_fixture = "v2-job-complete"

    def credentials(self, token):
        return "", {"subprotocols": [f"bookstrack-auth.{token}"]}


if __name__ == "__main__":
    unittest.main()
