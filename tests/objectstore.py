"""A real S3 API on the loopback."""

from __future__ import annotations

import threading
import urllib.request

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


class Server:
    """moto's S3 server on the loopback. moto looks whether a name is free and then writes, with other requests in
    between, which no S3 does; so requests are served one at a time."""

    def __init__(self, *, ignores_conditions=False):
        inner = DomainDispatcherApplication(create_backend_app)
        lock = threading.Lock()

        def app(environ, start_response):
            if ignores_conditions:
                environ.pop("HTTP_IF_NONE_MATCH", None)
            with lock:
                return list(inner(environ, start_response))

        self.server = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def serve(monkeypatch, **options):
    """Give a server that the environment names, and a bucket in it."""
    server = Server(**options)
    environment = {
        "AWS_ENDPOINT": server.url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket{server.server.port}"
    urllib.request.urlopen(urllib.request.Request(f"{server.url}/{bucket}", method="PUT")).close()  # noqa: S310
    return server, bucket
