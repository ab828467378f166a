from django.core.management.base import BaseCommand

from upkeep import backups


class Command(BaseCommand):
    help = "Make a backup of the database now, with a list of the photos."

    def handle(self, **options):
        self.stdout.write(f"The backup is in {backups.back_up()}.")
