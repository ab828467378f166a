"""Print beat's schedule file. Run in the project's folder: python schedule_file.py data/beat-schedule"""

import argparse
import dbm
import shelve

parser = argparse.ArgumentParser()
parser.add_argument("file")
path = parser.parse_args().file
try:
    with shelve.open(path, flag="r") as file:
        print(f"Celery {file['__version__']}, {file['tz']}")
        for name, entry in sorted(file["entries"].items()):
            print(f"{name:<15} {entry.total_run_count} sent, last {entry.last_run_at:%Y-%m-%d %H:%M:%S %z}")
except dbm.error:
    raise SystemExit(f"{path} is not a schedule file. Beat creates it: ./workshop up") from None
