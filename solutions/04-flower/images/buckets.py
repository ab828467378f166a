"""Photos in a bucket: Amazon's S3, or a store with the same interface."""

from contextlib import contextmanager

from botocore import exceptions
from storages.backends.s3 import S3Storage


@contextmanager
def translate_boto_errors():
    """Turn botocore's transient errors into ConnectionError: the tasks retry it without knowing botocore."""
    try:
        yield
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        raise ConnectionError(f"The bucket does not answer: {error}") from error
    except exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
            raise
        raise ConnectionError(f"The bucket has an error of its own: {error}") from error


class Bucket(S3Storage):
    """A bucket that a task can retry. An object in it is whole or not there at all."""

    def _open(self, name, mode="rb"):
        with translate_boto_errors():
            opened = super()._open(name, mode)
            opened.file  # noqa: B018 - fetch it now, and not at the first read
            return opened

    def _save(self, name, content):
        with translate_boto_errors():
            return super()._save(name, content)

    def get_modified_time(self, name):
        """Raises FileNotFoundError for a file that does not exist, as a folder does."""
        try:
            with translate_boto_errors():
                return super().get_modified_time(name)
        except exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            raise FileNotFoundError(f"There is no {name} in the bucket.") from error
