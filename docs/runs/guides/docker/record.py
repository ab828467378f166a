"""Record docs/runs/guides/docker/*.txt: run the containers of the guide. Needs Docker with Compose v2.

./workshop dev runs docker
"""

import re
import subprocess
import time
from pathlib import Path

from compose_stack import PATIENCE, Stack

from workshop.checkkit import until
from workshop.runtime import compose, env_file

OUT = Path(__file__).parent
TABLE = ("--all", "--format", "table {{.Service}}\t{{.Status}}\t{{.Ports}}")


def write(name: str, *shown: str) -> None:
    """Save commands, which start with a dollar sign, and their output."""
    text = "\n".join(each.strip("\n") for each in shown if each)
    (OUT / f"{name}.txt").write_text(text + "\n", encoding="utf-8")
    print(f"== {name}\n{text}")


def of_the_guide(stack: Stack, text: str) -> str:
    """Return `text` with the guide's ports and project name instead of the test's."""
    for name, usual in (("PORT", 8000), ("FLOWER_PORT", 5555), ("JUPYTER_PORT", 8888), ("DOCS_PORT", 8001)):
        text = text.replace(str(stack.ports[name]), str(usual))
    text = re.sub(r"photos-test-\d+", f"photos-{stack.environment['LESSON'] or 'finished'}", text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def table(stack: Stack, *services: str) -> str:
    return of_the_guide(stack, stack.compose("ps", *TABLE, *services))


def lines(stack: Stack, services: str, wanted: str, last: int = 6) -> str:
    """Return the last matching lines of the services' logs, without ids and cut to 140 characters."""
    found = [line for line in stack.logs(*services.split()).splitlines() if re.search(wanted, line)][-last:]
    assert found, f"no line of {services} matches {wanted}"
    return of_the_guide(stack, "\n".join(re.sub(r"\[[0-9a-f-]{36}\]", "[…]", line)[:140] for line in found))


def main() -> None:
    stack = Stack(SWEEP_AFTER="20")
    try:
        finished(stack)
    finally:
        stack.down()
    early = Stack("03-images")
    try:
        early.up("web", "worker", "slow", "beat", "flower")
        command = "LESSON=03-images ./workshop compose"
        said = [lines(early, name, "is idle") for name in ("beat", "flower", "slow")]
        write("lesson", f"$ {command} up --detach --wait", f"$ {command} logs beat flower slow", *said)
    finally:
        early.down()


def finished(stack: Stack) -> None:
    began = time.monotonic()
    stack.up("--build", "--scale", "worker=2")
    print(f"up after {time.monotonic() - began:.0f} s")
    write("ps", "$ ./workshop compose ps --all", table(stack))
    size = ["docker", "images", "photos-workshop", "--format", "table {{.Repository}}\t{{.Size}}"]
    write("size", "$ docker images photos-workshop", subprocess.check_output(size, text=True))

    stack.upload(6)
    assert until(lambda: stack.resized(6) == 6, PATIENCE)
    web = lines(stack, "web", "POST /upload/", 2)
    write("logs", "$ ./workshop compose logs web worker", web, lines(stack, "worker", "resize_image_task", 6))

    stack.upload(24)
    stack.compose("exec", "-T", "--index", "1", "worker", "sh", "-c", "kill -9 -1", check=False)
    began = time.monotonic()
    assert until(lambda: stack.resized(30) == 30, PATIENCE)
    print(f"all resized after {time.monotonic() - began:.0f} s")
    write(
        "killed",
        "$ ./workshop compose exec --index 1 worker sh -c 'kill -9 -1'",
        "$ ./workshop compose ps worker",
        table(stack, "worker"),
        "$ ./workshop compose logs worker slow | grep Swept",
        lines(stack, "worker slow", "Swept: [1-9]", 2),
    )

    stack.upload(12)
    began = time.monotonic()
    stack.compose("stop", "worker")
    print(f"stopped after {time.monotonic() - began:.1f} s")
    log = lines(stack, "worker", "arm shutdown|shutting|Restor|succeeded", 6)
    write("stop", "$ ./workshop compose stop worker", "$ ./workshop compose logs worker", log)
    with (OUT / "stop.txt").open("a", encoding="utf-8") as output:
        output.write(f"$ ./workshop compose ps --all worker\n{table(stack, 'worker')}\n")

    known = {name: stack.environment[name] for name in env_file.SECRETS}
    stack.environment |= {"COMPOSE_PROFILES": "rabbitmq"} | compose.for_profiles({"rabbitmq"}, known)
    stack.up("--scale", "worker=2")
    banner = lines(stack, "worker", "worker-2 .*(transport:|results:|Connected to)", 3)
    command = "./workshop compose --profile rabbitmq"
    write("rabbitmq", f"$ {command} up --detach --wait", f"$ {command} logs worker", banner)


if __name__ == "__main__":
    main()
