from django.core.management.base import BaseCommand

from upkeep.mail import switch


class Command(BaseCommand):
    help = "Let the mail server refuse (down), take its time (slow), or work (ok)."

    def add_arguments(self, parser):
        parser.add_argument("mode", choices=["down", "slow", "ok"])
        parser.add_argument("seconds", nargs="?", type=float, default=1, help="how slow; 1 by default")

    def handle(self, mode, seconds, **options):
        switch().write_text(f"slow {seconds}" if mode == "slow" else mode)
        what = {"down": "does not answer", "slow": f"takes {seconds:g} s for a mail", "ok": "works again"}
        self.stdout.write(f"The mail server {what[mode]}.")
