"""A bucket that can fail. It has its own module because boto3 is slow to import."""

from images.buckets import Bucket

from .storage import PracticeMode


class PracticeBucket(PracticeMode, Bucket):
    pass
