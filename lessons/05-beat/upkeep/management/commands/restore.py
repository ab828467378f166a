import sqlite3

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from upkeep import backups, postgres


class Command(BaseCommand):
    help = "Put a backup in the place of the database. What is there now goes into a backup of its own first."

    def add_arguments(self, parser):
        parser.add_argument("name", nargs="?", help="which backup; without a name the backups are listed")

    def handle(self, name, **options):
        known = {folder.name: folder for folder in backups.all_backups()}
        if not known:
            raise CommandError("There is no backup yet. Make one:  python manage.py backup")
        if name is None:
            self.stdout.write(
                "\n".join([*known, "", f"To restore one:  python manage.py restore {list(known)[-1]}"])
            )
            return
        if name not in known:
            raise CommandError(f"There is no backup {name}. There are: {', '.join(known)}")
        try:
            self.save_what_is_there()
            changed = backups.restore(known[name])
        except (backups.BackupError, postgres.PostgresError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"The database is as it was at {name}. Files of photos that came later have no row any more: "
            "the weekly tidy_task removes them."
        )
        for photo in changed:
            self.stdout.write(f"  missing or not the same as then: {photo}")

    def save_what_is_there(self):
        try:
            self.stdout.write(f"What was there is in {backups.back_up()}.")
        except (backups.BackupError, DatabaseError, sqlite3.Error) as error:  # that is why you are here
            self.stdout.write(f"What was there cannot be saved, it is damaged: {error}")
        except OSError as error:
            raise CommandError(f"What is there cannot be saved, so nothing was changed: {error}") from None
