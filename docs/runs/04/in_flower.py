"""Print what Flower knows about the tasks. Run this script with Flower's environment variables."""

import base64
import json
import os
from urllib.request import ProxyHandler, Request, build_opener

password = base64.b64encode(os.environ["FLOWER_BASIC_AUTH"].encode()).decode()
address = f"http://localhost:{os.environ.get('FLOWER_PORT', 5555)}/api/tasks"
request = Request(address, headers={"Authorization": f"Basic {password}"})
with build_opener(ProxyHandler({})).open(request) as response:  # ignores the shell's proxy settings
    tasks = json.load(response)
for task in sorted(tasks.values(), key=lambda task: task["timestamp"]):
    print(f"{task['state']:<8} {task['name'] or '(no name)'!s:<34} {task['args'] or ''}".rstrip())
