"""Photos in a bucket: Amazon's S3, or what speaks like it."""

from contextlib import contextmanager

from botocore import exceptions
from storages.backends.s3 import S3Storage

from .storage import Practice


@contextmanager
def in_pythons_words():
    """What passes by itself, as a ConnectionError: the tasks try that again, and know nothing of botocore."""
    try:
        yield
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        raise ConnectionError(f"The bucket does not answer: {error}") from error
    except exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
            raise
        raise ConnectionError(f"The bucket has trouble of its own: {error}") from error


class Bucket(S3Storage):
    def _open(self, name, mode="rb"):
        with in_pythons_words():
            opened = super()._open(name, mode)
            opened.file  # noqa: B018 - fetch it now, and not at the first read
            return opened

    def _save(self, name, content):
        with in_pythons_words():
            return super()._save(name, content)


class PracticeBucket(Practice, Bucket):
    """The same, for `manage.py storage down`. An object is there whole or not at all."""

    def save_whole(self, name, content):
        return Bucket._save(self, name, content)
