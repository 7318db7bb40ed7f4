"""An S3-compatible bucket, as the lake uses it: what was written once is never overwritten.

Endpoint, region and credentials come from the standard AWS environment variables and files.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from alignment_dagster.foundation.errors import AlignmentError, ArtifactError

LAKE_VARIABLE = "ALIGNMENT_LAKE"
CHUNK = 1 << 20
TAKEN, CONFLICT, ABSENT = 412, 409, 404
ATTEMPTS = 5


@dataclass(frozen=True)
class ObjectStore:
    """A bucket, and the beginning of all names in it."""

    client: Any
    bucket: str
    prefix: str
    """Empty, or ends with a slash."""

    @property
    def address(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def put(self, name: str, content: bytes) -> bool:
        """Write an object if there is none of that name.

        Returns:
            Whether the store holds exactly this content now. (It also does where this was written
            and only the answer was lost.)
        """
        return self.create(name, content) or self.get(name) == content

    def create(self, name: str, content: bytes) -> bool:
        """Write an object; whether this call did. It relies on `If-None-Match`."""
        for attempt in range(ATTEMPTS):
            try:
                with self._one_error(name, ours=(TAKEN, CONFLICT)):
                    self.client.put_object(
                        Bucket=self.bucket, Key=self.prefix + name, Body=content, IfNoneMatch="*"
                    )
                return True
            except _Refused as refused:
                if refused.status == CONFLICT and attempt + 1 < ATTEMPTS:
                    continue  # another one is being written at this moment
                return False
        return False

    def get(self, name: str) -> bytes | None:
        """An object's content; None where there is none."""
        try:
            with self._one_error(name, ours=(ABSENT,)):
                answer = self.client.get_object(Bucket=self.bucket, Key=self.prefix + name)
                content: bytes = answer["Body"].read()
                return content
        except _Refused:
            return None

    def download(self, name: str, path: Path) -> str | None:
        """Write an object to a file; the hex SHA-256 of what came, None where there is none."""
        digest = hashlib.sha256()
        try:
            with self._one_error(name, ours=(ABSENT,)), path.open("wb") as handle:
                answer = self.client.get_object(Bucket=self.bucket, Key=self.prefix + name)
                for chunk in answer["Body"].iter_chunks(CHUNK):
                    digest.update(chunk)
                    handle.write(chunk)
        except _Refused:
            return None
        return digest.hexdigest()

    def upload(self, name: str, path: Path) -> None:
        """Write a file, in parts where it is large, unless an object of that name is there."""
        if not self.has(name):
            with self._one_error(name):
                self.client.upload_file(str(path), self.bucket, self.prefix + name)

    def has(self, name: str) -> bool:
        """Whether there is an object of that name."""
        try:
            with self._one_error(name, ours=(ABSENT,)):
                self.client.head_object(Bucket=self.bucket, Key=self.prefix + name)
                return True
        except _Refused:
            return False

    def names(self, start: str) -> list[str]:
        """The names that begin so, in order."""
        pages = self.client.get_paginator("list_objects_v2")
        with self._one_error(start):
            found = [
                one["Key"].removeprefix(self.prefix)
                for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix + start)
                for one in page.get("Contents", ())
            ]
        return sorted(found)

    @contextmanager
    def _one_error(self, name: str, ours: tuple[int, ...] = ()) -> Iterator[None]:
        """One message for whatever the store, or the way to it, refuses.

        Args:
            ours: answers that the caller deals with.

        Raises:
            ArtifactError: names the object.
            _Refused: with one of `ours`.
        """
        # Only where a store is configured: they are an extra, and take a while to import.
        from boto3.exceptions import S3UploadFailedError
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        try:
            yield
        except ClientError as error:
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            if status in ours and error.response["Error"].get("Code") != "NoSuchBucket":
                raise _Refused(status) from None
            raise ArtifactError(self._message(name, error)) from None
        except (BotoCoreError, HTTPClientError, S3UploadFailedError) as error:
            raise ArtifactError(self._message(name, error)) from None

    def _message(self, name: str, error: Exception) -> str:
        return f"the lake's store: {self.address}{name}: {' '.join(str(error).split())}"


class _Refused(Exception):
    """An answer that is no mistake."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def configured_store() -> ObjectStore | None:
    """The store that `ALIGNMENT_LAKE` names; None where the lake is this machine's alone.

    Raises:
        AlignmentError: if it is no address of a bucket, or the client is not installed.
    """
    value = os.environ.get(LAKE_VARIABLE)
    return _store(value) if value else None


@cache
def _store(value: str) -> ObjectStore:
    parts = urlsplit(value)
    if parts.scheme != "s3" or not parts.netloc or parts.query or "@" in parts.netloc:
        raise AlignmentError(f"{LAKE_VARIABLE}: {value}: is no s3://bucket/prefix")
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        message = "needs boto3 (pip install 'alignment-dagster[s3]')"
        raise AlignmentError(f"{LAKE_VARIABLE}: {message}") from None
    limits = Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 4},
        user_agent_extra="alignment-dagster",
    )
    prefix = parts.path.strip("/")
    try:
        client = boto3.client("s3", config=limits)
    except BotoCoreError as error:
        raise AlignmentError(f"{LAKE_VARIABLE}: {error}") from None
    return ObjectStore(client, parts.netloc, f"{prefix}/" if prefix else "")
