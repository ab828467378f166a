import sqlite3

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from upkeep import backups, postgres


class Command(BaseCommand):
    help = "Replace the database with a backup. The current database is backed up first."

    def add_arguments(self, parser):
        parser.add_argument("name", nargs="?", help="which backup (default: list the backups)")

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
            raise CommandError(f"There is no backup {name}. Use one of these: {', '.join(known)}")
        previous = self.save_what_is_there()
        try:
            changed = backups.restore(known[name], previous)
        except (backups.BackupError, postgres.PostgresError, DatabaseError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"The database is as it was at {name}. Photos uploaded after that have no row now: "
            "the weekly tidy_task removes their files."
        )
        for photo in changed:
            self.stdout.write(f"  missing or changed since then: {photo}")

    def save_what_is_there(self):
        """Back up the current database. Returns the backup; None if the database is damaged."""
        try:
            previous = backups.back_up()
            self.stdout.write(f"The previous database is in {previous}.")
            return previous
        except (
            backups.BackupError,
            DatabaseError,
            sqlite3.Error,
        ) as error:  # probably the reason for the restore
            self.stdout.write(f"The previous database is damaged and cannot be backed up: {error}")
        except OSError as error:
            raise CommandError(f"Nothing was changed: backing up the database failed: {error}") from None
