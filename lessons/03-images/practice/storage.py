"""A storage for the resized photos that can fail: `manage.py storage`."""

from images.storage import AtomicStorage

from .modes import obey_mode


class PracticeMode:
    """A mixin for a storage: saving a file works, fails or is slow, as set by `manage.py storage`."""

    def _save(self, name, content):
        obey_mode("storage", ConnectionError("The photo storage doesn't respond."))
        return super()._save(name, content)


class PracticeStorage(PracticeMode, AtomicStorage):
    pass
