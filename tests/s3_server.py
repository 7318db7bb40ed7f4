"""A real S3 server on the loopback interface, with an empty bucket."""

import logging
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
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        s3 = S3(f"http://{host}:{port}")
        s3.client.create_bucket(Bucket=BUCKET)
        yield s3
    finally:
        server.stop()
