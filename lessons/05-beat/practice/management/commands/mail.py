from practice.mode_command import ModeCommand


class Command(ModeCommand):
    help = "Let the mail server refuse (down), take its time (slow), or work (ok)."
    service, subject, unit, seconds = "mail", "The mail server", "an email", 1
