from django.core.management.base import BaseCommand

from images.storage import switch


class Command(BaseCommand):
    help = "Let the storage of the resized photos fail (down), hang (slow), or work (ok)."

    def add_arguments(self, parser):
        parser.add_argument("mode", choices=["down", "slow", "ok"])
        parser.add_argument("seconds", nargs="?", type=float, default=20, help="how slow; 20 by default")

    def handle(self, mode, seconds, **options):
        switch().write_text(f"slow {seconds}" if mode == "slow" else mode)
        what = {"down": "does not answer", "slow": f"takes {seconds:g} s for a file", "ok": "works again"}
        self.stdout.write(f"The storage of the resized photos {what[mode]}.")
