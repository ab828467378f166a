import logging

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import connection
from django.template.defaultfilters import filesizeformat

from .models import UploadedImage
from .pictures import TooManyPixels, UnreadablePicture, is_heic, name_and_type, open_picture

logger = logging.getLogger(__name__)


class NotStored(Exception):
    """A photo could not be stored, for example because the disk is full. The text is for visitors."""


class PhotosInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class PhotosField(forms.FileField):
    """A field for several photos. Each file is checked without decoding it, and each error names its file.

    The cleaned data is a list of pairs: a file, and its size as (width, height) in pixels.
    """

    # Safari converts a HEIC picture to the first of these types. With image/* it would not do that on a Mac.
    widget = PhotosInput(attrs={"accept": "image/jpeg,image/png,image/webp,image/gif"})

    def clean(self, data, initial=None):
        files = [file for file in data or [] if file]
        if not files:
            raise ValidationError("Choose at least one photo.")
        if len(files) > settings.MAX_UPLOAD_FILES:
            raise ValidationError(f"Choose at most {settings.MAX_UPLOAD_FILES} photos at once.")
        photos, errors = [], []
        for file in files:
            try:
                photos.append((file, check_photo(super().clean(file, initial))))
            except ValidationError as error:
                errors += [f"{file.name}: {message}" for message in error.messages]
        if errors:
            raise ValidationError(errors)
        return photos


def check_photo(file: UploadedFile) -> tuple[int, int]:
    """Reject a file that is too big, isn't a picture, or has too many pixels. Reads only the header.

    Returns the width and the height in pixels. Corrects the file's extension and media type, which come from
    the visitor. Raises ValidationError.
    """
    size = file.size or 0
    if size > settings.MAX_UPLOAD_BYTES:
        limit = filesizeformat(settings.MAX_UPLOAD_BYTES)
        raise ValidationError(f"{filesizeformat(size)} is too big. The limit is {limit}.")
    try:
        picture = open_picture(file)
    except TooManyPixels:
        raise ValidationError("this picture has too many pixels.") from None
    except UnreadablePicture:
        if is_heic(file):
            raise ValidationError(
                "HEIC pictures are not supported. Export it as a JPEG. An iPhone takes JPEG pictures with "
                "Settings > Camera > Formats > Most Compatible."
            ) from None
        raise ValidationError(
            "this is not a picture that can be read. Use a JPEG, PNG, WebP or GIF file."
        ) from None
    width, height = picture.size
    if width * height > settings.MAX_UPLOAD_PIXELS:
        millions = settings.MAX_UPLOAD_PIXELS // 1_000_000
        raise ValidationError(f"{width}×{height} is too many pixels. The limit is {millions} million.")
    file.seek(0)
    file.name, file.content_type = name_and_type(file.name or "", picture.format)
    return width, height


class UploadForm(forms.Form):
    images = PhotosField(label="Photos")

    def save(self) -> list[UploadedImage]:
        """Store all photos or none. Raises NotStored if one of them can't be stored."""
        photos = []
        try:
            for file, (width, height) in self.cleaned_data["images"]:
                photos.append(
                    UploadedImage.objects.create(
                        image=file, width=width, height=height, original_bytes=file.size
                    )
                )
        except OSError as error:
            logger.exception("An upload cannot be stored.")
            for photo in photos:
                if connection.in_atomic_block:
                    photo.delete_files()  # the transaction removes the row again
                else:
                    photo.delete()
            raise NotStored("Your photos could not be stored, so none was kept. Try again later.") from error
        return photos
