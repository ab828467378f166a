import csv
import io
from datetime import date

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("given")


@pytest.mark.parametrize("name", ["=1+2.jpg", "+1.jpg", "-1.jpg", "@sum.jpg"])
def test_no_formulas(photo, name):
    """If a spreadsheet would treat a photo's name as a formula, the CSV contains the name as plain text."""
    from upkeep import reporting

    kept = photo(photos.jpeg(80, 60))
    noon = timezone.now().astimezone(reporting.zone()).replace(2026, 3, 2, 12)
    type(kept).objects.filter(pk=kept.pk).update(image=f"uploads/{name}", uploaded_at=noon)
    line = list(csv.reader(io.StringIO(reporting.table(date(2026, 3, 2)))))[1]
    expect(
        line[1] == f"'{name}",
        "a spreadsheet would treat a name in the CSV as a formula. Leave plain() in upkeep/reporting.py as it was.",
        found=line[1],
    )


def test_restore_asks_which(settings, tmp_path, capsys):
    """restore lists the existing backups, and refuses any other name."""
    settings.BACKUP_DIR = tmp_path / "backups"
    with pytest.raises(CommandError, match="no backup yet"):
        call_command("restore")
    (settings.BACKUP_DIR / "2026-03-01-193000").mkdir(parents=True)
    call_command("restore")
    says = capsys.readouterr().out
    expect("2026-03-01-193000" in says, "restore did not list the existing backups.", found=says)
    with pytest.raises(CommandError, match=r"no backup 2026\. Use one of these: 2026-03-01-193000"):
        call_command("restore", "2026")


def test_mail_command(mails):
    """`manage.py mail` can take the mail server down, slow it down, or bring it back."""
    from practice.modes import mode_file

    for mode, written in (("down", "down"), ("slow", "slow 1"), ("ok", "ok")):
        call_command("mail", mode, verbosity=0)
        found = mode_file("mail").read_text()
        expect(found == written, f"`manage.py mail {mode}` did not set the mode.", found=found)
