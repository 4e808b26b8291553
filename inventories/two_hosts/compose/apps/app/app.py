"""Greets, and counts its visits in Redis. Standard library only."""

import json
import os
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REDIS = (os.environ.get("REDIS_HOST", "redis"), 6379)
GREETING = os.environ.get("GREETING", "Hello")


def redis(*words: str) -> str:
    """Send one command to Redis (RESP) and return the first line of its answer."""
    command = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
    with socket.create_connection(REDIS, timeout=5) as connection:
        connection.sendall(command.encode())
        return connection.makefile("rb").readline().decode().strip()


class Handler(BaseHTTPRequestHandler):
    """`/` counts a visit; `/health` tells whether Redis answers."""

    def do_GET(self) -> None:
        if self.path == "/health":
            healthy = redis("PING") == "+PONG"
            self.answer(200 if healthy else 503, {"healthy": healthy})
        else:
            visits = int(redis("INCR", "visits").removeprefix(":"))
            self.answer(200, {"greeting": GREETING, "served_by": socket.gethostname(), "visits": visits})

    def answer(self, status: int, body: dict[str, object]) -> None:
        content = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args: object) -> None:
        """Health checks every second would drown everything else."""


class Server(ThreadingHTTPServer):
    """Finishes the requests under way before it ends."""

    daemon_threads = False


def main() -> None:
    server = Server(("", 8000), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
