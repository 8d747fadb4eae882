"""Real object stores: a local folder, and S3 as moto serves it over HTTP in a thread."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation.ids import new_id
from foundation.objects import Keyring, ObjectStore, open_store
from foundation.settings import Settings


@pytest.fixture
def object_store(tmp_path: Path) -> ObjectStore:
    """A store in a folder of its own."""
    return open_store((tmp_path / "objects").as_uri())


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(bytes(range(32)))


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Address of an S3 service that lives as long as the session."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line a request hides what a failing test says
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_settings(s3_endpoint: str) -> Settings:
    """Settings that name a fresh bucket."""
    import boto3

    bucket = new_id("test").replace("_", "-")
    boto3.client(
        "s3",
        endpoint_url=s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    ).create_bucket(Bucket=bucket)
    return Settings(
        objects_url=f"s3://{bucket}/yuankan", s3_endpoint=s3_endpoint, s3_access_key="test", s3_secret_key="test"
    )


@pytest.fixture
def s3(s3_settings: Settings) -> ObjectStore:
    """A store in a fresh bucket."""
    return open_store(s3_settings.objects, s3_settings)
