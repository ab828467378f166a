"""An S3 store for testing. `python s3_store.py` starts it, and `python s3_store.py health` checks it.

The store keeps everything in memory, so it creates its bucket at each start.
"""

import os
import signal
import sys
from urllib.request import ProxyHandler, Request, build_opener

BUCKET = os.environ.get("AWS_STORAGE_BUCKET_NAME") or "photos"
PORT = 5000


def serve() -> None:
    import boto3
    from moto.server import ThreadedMotoServer

    ThreadedMotoServer(port=PORT).start()
    keys = {"aws_access_key_id": "photos", "aws_secret_access_key": "any"}
    store = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{PORT}", region_name="us-east-1", **keys)
    store.create_bucket(Bucket=BUCKET)
    print(f"Made the bucket {BUCKET}.")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


def health() -> None:
    """Raise an error if the bucket doesn't exist."""
    asked = Request(f"http://127.0.0.1:{PORT}/{BUCKET}", method="HEAD")
    build_opener(ProxyHandler({})).open(asked, timeout=4).close()


if __name__ == "__main__":
    health() if sys.argv[1:] == ["health"] else serve()
