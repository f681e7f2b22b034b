"""A real time-stamping authority for tests: `openssl ts` behind HTTP on loopback, with a root of its own."""

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONFIG = """
[ tsa ]
default_tsa = one
[ one ]
dir = {folder}
serial = $dir/serial
crypto_device = builtin
signer_cert = $dir/tsa.pem
certs = $dir/ca.pem
signer_key = $dir/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""
EXTENSIONS = """basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage={usage}
"""


def openssl(*arguments: str, cwd: Path) -> bytes:
    done = subprocess.run(["openssl", *arguments], cwd=cwd, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class Authority:
    """Certificates and keys in `folder`; `reply` answers a query, `serve` does so over HTTP."""

    def __init__(self, folder: Path, name: str = "Test", usage: str = "critical,timeStamping", key: str = "ec") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" else ["-newkey", "rsa:2048"]
        request = [*new_key, "-nodes", "-keyout"]
        openssl(
            "req", "-x509", *request, "ca.key", "-out", "ca.pem", "-days", "3650", "-subj", f"/CN={name} Root",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            cwd=folder,
        )  # fmt: skip
        openssl("req", *request, "tsa.key", "-out", "tsa.csr", "-subj", f"/CN={name} Stamping", cwd=folder)
        (folder / "ext.cnf").write_text(EXTENSIONS.format(usage=usage))
        openssl(
            "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "365",
            "-extfile", "ext.cnf", "-out", "tsa.pem", cwd=folder,
        )  # fmt: skip
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))
        self.root = folder / "ca.pem"
        self.asked = 0
        self._turn = threading.Lock()

    def reply(self, query: bytes) -> bytes:
        with self._turn:
            (self.folder / "q.tsq").write_bytes(query)
            arguments = ["-config", "tsa.cnf", "-section", "one", "-queryfile", "q.tsq", "-out", "r.tsr"]
            openssl("ts", "-reply", *arguments, cwd=self.folder)
            self.asked += 1
            return (self.folder / "r.tsr").read_bytes()

    def serve(self, port: int = 0) -> "Service":
        """On this port; 0 = any."""
        return Service(self, port)


class Service:
    """The authority over HTTP, as a context manager that gives its URL."""

    def __init__(self, authority: Authority, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer = authority.reply(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}/"

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
