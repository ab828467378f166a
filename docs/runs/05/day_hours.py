"""Print how long a day is in CELERY_TIMEZONE: python manage.py shell -v 0 < day_hours.py"""

from datetime import UTC, date

from upkeep.reporting import bounds

for day in (date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 25)):
    begin, end = (each.astimezone(UTC) for each in bounds(day))
    hours = (end - begin).total_seconds() / 3600
    print(f"{day:%d %B}: {hours:g} hours, {begin:%d %B %H:%M} to {end:%d %B %H:%M} UTC")
