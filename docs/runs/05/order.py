"""Upload a photo between the two queries of the cleanup: which files exist, and which do rows refer to.

python manage.py shell -v 0 < order.py
"""

from django.core.files.base import ContentFile
from images.models import UploadedImage
from upkeep.tidying import stored_files


def files():
    return set(stored_files())


def named():
    return {name for names in UploadedImage.objects.values_list("image", "resized_image") for name in names}


def upload(name):
    return UploadedImage.objects.create(image=ContentFile(b"a photo", name))


known = named()
first = upload("between.jpg")
print(f"rows first:   {sorted(name for name in files() - known if 'between' in name)} would be deleted")

there = files()
second = upload("between-again.jpg")
print(f"files first:  {sorted(name for name in there - named() if 'between' in name)} would be deleted")
first.delete()
second.delete()
