"""The columns for the state of a row. `db_default` is for old rows, and for rows that old code inserts."""

from django.db import models


class WorkState(models.Model):
    is_processed = models.BooleanField(default=False, db_default=True)  # old code has done the work
    failure_reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    queued_at = models.DateTimeField(null=True, editable=False)
    sent_again = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        abstract = True
