"""Print file names that visitors might choose, and what a spreadsheet would get.

python manage.py shell -v 0 < names.py
"""

from django.core.files.base import ContentFile
from images.models import UploadedImage
from upkeep.reporting import plain

for name in ["=1+1.jpg", "+1-2.jpg", "@SUM(A1).jpg", "-1+2.jpg", '=HYPERLINK("x").jpg']:
    photo = UploadedImage(image=ContentFile(b"", name))
    photo.image.name = photo.image.storage.get_available_name(
        photo.image.field.generate_filename(photo, name)
    )
    print(f"{name:<20} {photo.name:<14} {plain(photo.name):<14} {plain(name)}")
