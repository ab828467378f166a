from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from PIL import Image

from .models import UploadedImage

FORMATS = {"JPEG", "MPO", "PNG", "WEBP", "GIF"}


class PhotosInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class PhotosField(forms.FileField):
    """Several photos. Each error message starts with the name of its file."""

    widget = PhotosInput(attrs={"accept": "image/*"})

    def clean(self, data, initial=None):
        files = [file for file in data or [] if file]
        if not files:
            raise ValidationError("Choose at least one photo.")
        if len(files) > settings.MAX_UPLOAD_FILES:
            raise ValidationError(f"Choose at most {settings.MAX_UPLOAD_FILES} photos at once.")
        errors = []
        for file in files:
            try:
                check_photo(super().clean(file, initial))
            except ValidationError as error:
                errors += [f"{file.name}: {message}" for message in error.messages]
        if errors:
            raise ValidationError(errors)
        return files


def check_photo(file: UploadedFile):
    """Raise ValidationError if the file is too big, is not a picture, or has too many pixels.

    Reads only the file's header, without decoding the picture.
    """
    size = file.size or 0
    if size > settings.MAX_UPLOAD_BYTES:
        limit = filesizeformat(settings.MAX_UPLOAD_BYTES)
        raise ValidationError(f"{filesizeformat(size)} is too big; a photo may have {limit}.")
    try:
        picture = Image.open(file)
    except Image.DecompressionBombError:
        raise ValidationError("this picture has too many pixels.") from None
    except (OSError, SyntaxError, ValueError):
        raise ValidationError("this is not a picture that can be read.") from None
    if picture.format not in FORMATS:
        raise ValidationError(f"{picture.format} is not supported; use JPEG, PNG, WebP or GIF.")
    if picture.width * picture.height > settings.MAX_UPLOAD_PIXELS:
        millions = settings.MAX_UPLOAD_PIXELS // 1_000_000
        raise ValidationError(
            f"{picture.width}×{picture.height} is too many pixels; a photo may have {millions} million."
        )
    file.seek(0)


class UploadForm(forms.Form):
    images = PhotosField(label="Photos")

    def save(self) -> list[UploadedImage]:
        return [
            UploadedImage.objects.create(image=file, original_bytes=file.size)
            for file in self.cleaned_data["images"]
        ]
