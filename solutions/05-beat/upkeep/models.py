from django.db import models


class Subscriber(models.Model):
    """A recipient of the nightly report."""

    email = models.EmailField(unique=True)

    def __str__(self):
        return self.email


class Delivery(models.Model):
    """One day's report to one recipient. `sent_at` is empty until the report is sent."""

    day = models.DateField()
    email = models.EmailField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["day", "email"], name="one_report_a_day")]

    def __str__(self):
        return f"{self.day} to {self.email}"
