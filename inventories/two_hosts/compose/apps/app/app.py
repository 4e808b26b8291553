"""Greets, and counts its visits in Redis. Standard library only, without `http.server`, so that it starts fast."""

import json
import os
import signal
import socket
import socketserver
import threading

REDIS = (os.environ.get("REDIS_HOST", "redis"), 6379)
GREETING = os.environ.get("GREETING", "Hello")


class Redis:
    """One connection, made when it is first needed and anew when it was lost."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._connection = socket.socket()

    def __call__(self, *words: str) -> str:
        """Send one command (RESP) and return the first line of its answer."""
        command = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
        with self._guard:
            try:
                return self._ask(command)
            except OSError:
                self._connection.close()
                self._connection = socket.create_connection(REDIS, timeout=5)
                return self._ask(command)

    def _ask(self, command: str) -> str:
        self._connection.sendall(command.encode())
        answer = self._connection.recv(4096)
        if not answer:
            raise ConnectionError("Redis has closed the connection")
        return answer.decode().strip()


redis = Redis()


class Handler(socketserver.StreamRequestHandler):
    """HTTP/1.0: `GET /` counts a visit; `GET /health` tells whether Redis answers."""

    timeout = 10

    def handle(self) -> None:
        method, path, *_version = f"{self.rfile.readline(4096).decode('latin-1')} - -".split()
        while self.rfile.readline(4096).strip():
            pass  # the headers
        if method != "GET":
            self.answer("405 Method Not Allowed", {"error": "GET only"})
        elif path == "/health":
            healthy = redis("PING") == "+PONG"
            self.answer("200 OK" if healthy else "503 Service Unavailable", {"healthy": healthy})
        else:
            visits = int(redis("INCR", "visits").removeprefix(":"))
            self.answer("200 OK", {"greeting": GREETING, "served_by": socket.gethostname(), "visits": visits})

    def answer(self, status: str, body: dict[str, object]) -> None:
        content = json.dumps(body).encode() + b"\n"
        head = f"HTTP/1.0 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        self.wfile.write(head.encode() + content)


class Server(socketserver.ThreadingTCPServer):
    """Finishes the requests under way before it ends."""

    allow_reuse_address = True
    daemon_threads = False
    request_queue_size = 128


def main() -> None:
    server = Server(("", 8000), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
