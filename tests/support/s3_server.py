"""A real S3 server on the loopback interface, with an empty bucket."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

BUCKET = "bucket"


@dataclass(frozen=True)
class S3:
    """A running server; `environment` is all that the lake needs to know of it."""

    endpoint: str

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "a-secret-word",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    @cached_property
    def client(self) -> Any:
        """For a test that looks into the bucket, or alters it."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id="somebody",
            aws_secret_access_key="a-secret-word",
            region_name="us-east-1",
        )

    def names(self, start: str) -> list[str]:
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=start).get("Contents", ())
        return [one["Key"] for one in found]


@contextmanager
def serving() -> Iterator[S3]:
    """One request at a time: moto looks for an object and then writes it, S3 does both at once."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    application, turn = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def answer(environ: Any, start: Any) -> list[bytes]:
        with turn:
            return list(application(environ, start))

    server = make_server("127.0.0.1", 0, answer, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        s3 = S3(f"http://127.0.0.1:{server.server_port}")
        s3.client.create_bucket(Bucket=BUCKET)
        yield s3
    finally:
        server.shutdown()
        thread.join()
