"""Photos in a bucket: Amazon S3, or a service with the same API."""

from contextlib import contextmanager

from botocore import exceptions
from storages.backends.s3 import S3Storage


@contextmanager
def translate_boto_errors():
    """Turn botocore's transient errors into ConnectionError, which the tasks retry."""
    try:
        yield
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        raise ConnectionError(f"The bucket doesn't respond: {error}") from error
    except exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
            raise
        raise ConnectionError(f"The bucket responded with a server error: {error}") from error


class Bucket(S3Storage):
    """A bucket whose transient errors a task can retry. It never exposes a half-written file."""

    def _open(self, name, mode="rb"):
        with translate_boto_errors():
            opened = super()._open(name, mode)
            opened.file  # noqa: B018 - fetch it now instead of at the first read
            return opened

    def _save(self, name, content):
        with translate_boto_errors():
            return super()._save(name, content)

    def get_modified_time(self, name):
        """Return when the file was last changed.

        Raises FileNotFoundError if it does not exist, as FileSystemStorage does.
        """
        try:
            with translate_boto_errors():
                return super().get_modified_time(name)
        except exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            raise FileNotFoundError(f"There is no {name} in the bucket.") from error
