"""Print which of sixty daily backups are kept on the last day. Run this script in a Django shell."""

from datetime import datetime, timedelta

from upkeep.backups import to_keep

last = datetime(2026, 3, 20, 3, 30)
times = {day: last - timedelta(days=day) for day in range(60)}
kept = sorted(times[each] for each in to_keep(times))
print(f"{len(kept)} of {len(times)} are kept:")
for each in kept:
    print(f"  {each:%a %d %b}")
