"""Print beat's schedule file. Run in the project's folder: python schedule_file.py data/beat-schedule"""

import shelve
import sys

with shelve.open(sys.argv[1], flag="r") as file:
    print(f"Celery {file['__version__']}, {file['tz']}")
    for name, entry in sorted(file["entries"].items()):
        print(f"{name:<15} {entry.total_run_count} sent, last {entry.last_run_at:%Y-%m-%d %H:%M:%S %z}")
