from practice.mode_command import ModeCommand


class Command(ModeCommand):
    help = "Make the storage of the resized photos fail (down), hang (slow), or work (ok)."
    service, subject, unit, seconds = "storage", "The storage of the resized photos", "a file", 20
