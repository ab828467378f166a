from practice.mode_command import ModeCommand


class Command(ModeCommand):
    help = "Make the mail server refuse (down), answer slowly (slow), or work (ok)."
    service, subject, unit, seconds = "mail", "The mail server", "an email", 1
