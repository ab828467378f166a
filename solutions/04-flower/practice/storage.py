"""The storage of the resized photos, as one that can fail: `manage.py storage`."""

from images.storage import AtomicStorage

from .modes import obey_mode


class PracticeMode:
    """For a storage class: each file is saved as `manage.py storage` says."""

    def _save(self, name, content):
        obey_mode("storage", ConnectionError("The photo storage does not answer."))
        return super()._save(name, content)


class PracticeStorage(PracticeMode, AtomicStorage):
    pass
