"""The base class of commands such as `manage.py storage`."""

from django.core.management.base import BaseCommand, CommandError

from .modes import set_mode

LONGEST = 3600
"""The longest time that a slow service can take, in seconds."""


class ModeCommand(BaseCommand):
    """Switches a practice service between ok, down and slow."""

    service: str  # its name in practice.modes
    subject: str  # its name in the output
    unit: str  # what takes long when the service is slow
    seconds: float  # how long, by default

    def add_arguments(self, parser):
        parser.add_argument("mode", choices=["down", "slow", "ok"])
        help = f"for slow: how long {self.unit} takes (default: {self.seconds})"
        parser.add_argument("seconds", nargs="?", type=float, default=self.seconds, help=help)

    def handle(self, mode, seconds, **options):
        if not 0 <= seconds <= LONGEST:
            raise CommandError(f"{seconds:g} seconds are not possible. Use a number from 0 to {LONGEST}.")
        set_mode(self.service, f"slow {seconds}" if mode == "slow" else mode)
        does = {
            "down": "doesn't respond",
            "slow": f"takes {seconds:g} s for {self.unit}",
            "ok": "works again",
        }
        self.stdout.write(f"{self.subject} {does[mode]}.")
