"""Photos in the project's database, and visitors with and without rights."""

from base64 import b64decode
from json import loads

from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from django.test import Client
from images.models import UploadedImage
from redis import Redis

from workshop.checkkit import photo_rows
from workshop.checkkit.photos import jpeg


def photo(name="garden.jpg", **columns):
    """Create an uploaded photo, then write these columns."""
    made = UploadedImage.objects.create(image=ContentFile(jpeg(80, 60), name), original_bytes=1000)
    UploadedImage.objects.filter(pk=made.pk).update(**columns)
    return fresh(made)


def resized_photo(name="garden.jpg"):
    made = photo(name)
    photo_rows.mark_resized(made)
    return fresh(made)


def fresh(made):
    """Return the row as it is in the database now, as a new object."""
    return UploadedImage.objects.get(pk=made.pk)


def queued():
    """Return the IDs of the photos that a message in the queue names, in ascending order."""
    messages = Redis.from_url(settings.REDIS_URL).lrange("celery", 0, -1)
    return sorted(loads(b64decode(loads(message)["body"]))[0][0] for message in messages)


def client_of(name, *permissions, **columns):
    """Return the client of a new user who is logged in and has these permissions ("view_uploadedimage")."""
    user, client = User.objects.create_user(name, **columns), Client()
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client
