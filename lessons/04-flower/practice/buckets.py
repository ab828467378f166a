"""The same for a bucket, in a module that only a site with a bucket imports: boto3 takes a while to load."""

from images.buckets import Bucket

from .storage import PracticeMode


class PracticeBucket(PracticeMode, Bucket):
    pass
