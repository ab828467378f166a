"""Show which day is yesterday at six in the morning in Shanghai.

python manage.py shell -v 0 < whose_day.py
"""

from datetime import UTC, date, datetime
from unittest import mock
from zoneinfo import ZoneInfo

from upkeep import reporting

six = datetime(2026, 3, 2, 6, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
with mock.patch.object(reporting.timezone, "now", return_value=six.astimezone(UTC)):
    print(f"at {six:%d %B %H:%M} in Shanghai, {six.astimezone(UTC):%d %B %H:%M} in UTC")
    print(f"yesterday is  {reporting.yesterday()}")
begin, end = reporting.bounds(date(2026, 3, 1))
print(f"from          {begin.astimezone(six.tzinfo):%d %B %H:%M} in Shanghai")
print(f"to            {end.astimezone(six.tzinfo):%d %B %H:%M} in Shanghai")
