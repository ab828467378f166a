"""Record docs/runs/guides/deploy-*.txt: run the guide's server here. Needs nginx, openssl and curl.

    ./workshop dev runs guides/deploy-watch

A separate .curlrc makes curl connect photos.example.com to the test's ports and accept its certificate.
"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import redis
from deployed_server import FILES, HOST, Server

from workshop.checkkit import until
from workshop.photos import samples

OUT = Path(__file__).parent


def write(name: str, text: str) -> None:
    (OUT / f"deploy-{name}.txt").write_text(text.rstrip() + "\n", encoding="utf-8")
    print(f"== {name}\n{text}")


def shell(server: Server, *commands: str) -> str:
    """Run the commands with temporary paths. Returns each command, as the guide shows it, and its output."""
    rc = server.folder / ".curlrc"
    rc.write_text(
        "insecure\nsilent\n"
        f'connect-to = "{HOST}:443:127.0.0.1:{server.ports["https"]}"\n'
        f'connect-to = "{HOST}:80:127.0.0.1:{server.ports["http"]}"\n'
    )
    said = []
    for command in commands:
        real = command.replace("/run/photos", f"{server.folder}/run")
        real = real.replace("localhost:5555", f"localhost:{server.ports['flower']}")
        run = subprocess.run(
            real,
            shell=True,
            env=os.environ | {"CURL_HOME": str(server.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        said.append(f"$ {command}\n{(run.stdout + run.stderr).rstrip()}")
    return "\n".join(said)


STATUS = "-o /dev/null -w '%{http_code} %{redirect_url}\\n'"


def web(server: Server) -> None:
    socket = "--unix-socket /run/photos/web.sock http://photos.example.com/login/"
    write(
        "scheme",
        shell(
            server,
            f"curl {STATUS} {socket}",
            f"curl {STATUS} -H 'X-Forwarded-Proto: https' {socket}",
        ),
    )
    server.start_nginx()
    write(
        "flower",
        shell(
            server,
            *(
                f"curl {STATUS} {more}https://{HOST}/flower/{path}"
                for more, path in [
                    ("", ""),
                    ("-u admin:replace-me ", ""),
                    ("-u admin:replace-me ", "metrics"),
                    ("-u admin:replace-me ", "healthcheck"),
                ]
            ),
            f"curl {STATUS} http://localhost:5555/flower/metrics",
        ),
    )
    server.end("nginx")
    file = FILES / "nginx.conf"
    whole = file.read_text()
    try:
        file.write_text(whole.replace("    proxy_set_header X-Forwarded-Proto $scheme;\n", ""))
        server.make_certificate()
        server.launch("nginx", ["nginx", "-c", str(server.write_nginx())])
        until(lambda: "https" in shell(server, f"curl {STATUS} https://{HOST}/").splitlines()[-1], 20)
    finally:
        file.write_text(whole)
    write(
        "loop",
        shell(
            server,
            f"curl {STATUS} https://{HOST}/",
            f"curl --location --show-error https://{HOST}/",
        ),
    )
    server.end("nginx")


def broker(server: Server) -> None:
    said = []
    for user, command in [
        ("", "PING"),
        ("photos", "PING"),
        ("photos", "FLUSHALL"),
        ("photos", "CONFIG GET maxmemory-policy"),
    ]:
        url = f"redis://{user + ':replace-me-too@' if user else ''}127.0.0.1:{server.ports['redis']}/0"
        try:
            answer = redis.Redis.from_url(url).execute_command(*command.split())
            answer = "PONG" if answer is True else answer
        except redis.RedisError as error:
            answer = error
        shown = url.replace(str(server.ports["redis"]), "6379")
        said.append(f">>> Redis.from_url({shown!r}).execute_command({command!r})\n{answer}")
    write("redis", "\n".join(said))


def watch(server: Server) -> None:
    said = server.manage("shell", "-v", "0", input=(FILES / "watch.py").read_text())
    said = re.sub(r"@[\w.-]+", "@photos", said)
    write("watch", f"$ photos-manage shell -v 0 < watch.py\n{said}")


def stop(server: Server, whole_group: bool) -> str:
    """Stop a worker during an eight-second task. Returns its log. `whole_group`: also stop its children."""
    server.end("worker")
    server.environment["PRACTICE"] = "1"  # to make the storage slow
    (server.folder / "worker.log").write_text("")
    server.manage("storage", "slow", "8")
    server.start_unit("worker")
    server.wait_for("worker", " ready.")
    with server.socket() as client:
        client.headers["X-Forwarded-Proto"] = "https"
        server.sign_in(client)
        form = client.get("/upload/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)[1]
        cookie = re.search(r"csrftoken=[^;]+", form.headers["Set-Cookie"])[0]
        client.post(
            "/upload/",
            data={"csrfmiddlewaretoken": token},
            files=[("images", ("a.jpg", samples.photo(1200, 900)))],
            headers={"Cookie": f"{client.headers['Cookie']}; {cookie}"},
        )
    server.wait_for("worker", "received")
    time.sleep(1.5)
    process = server.processes["worker"]
    started = time.monotonic()
    family = psutil.Process(process.pid).children(recursive=True) if whole_group else []
    for each in (process, *family):
        os.kill(each.pid, signal.SIGTERM)
    process.wait(60)
    seconds = time.monotonic() - started
    lines = [line for line in server.log("worker").splitlines() if line.startswith(("[2", "worker:"))]
    lines = lines[next(i for i, line in enumerate(lines) if "received" in line) :]
    kept = []
    for line in lines:
        line = re.sub(r"^\[[\d-]+ (\d\d:\d\d:\d\d),\d+: (\w+)/[\w-]+\]", r"[\1 \2]", line)
        line = re.sub(r"\[[0-9a-f]{8}-[0-9a-f-]+\]", "[…]", line)
        kept.append(line[:150])
    server.start_unit("worker")
    server.manage("storage", "ok")
    del server.environment["PRACTICE"]
    return "\n".join(kept) + f"\n(exited after {seconds:.1f} s)"


with Server() as server:
    web(server)
    broker(server)
    watch(server)
    write("stop-main", "$ kill -TERM MAIN\n" + stop(server, False))
    write("stop-all", "$ kill -TERM MAIN CHILD CHILD\n" + stop(server, True))

bare = Path("/tmp") / "bare-photos-web.service"
tight = FILES / "photos-web.service"
HARD = ("Protect", "Private", "Restrict", "Lock", "NoNew", "Capab", "SystemCall", "StateD")
lines = [line for line in tight.read_text().splitlines() if not line.startswith(HARD) or "Restart" in line]
bare.write_text("\n".join(lines))
said = []
for file in (bare, tight):
    run = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    level = run.stdout.splitlines()[-1].encode("ascii", "ignore").decode().strip()
    said.append(f"$ systemd-analyze security --offline=yes {file.name}\n{level}")
bare.unlink()
write("security", "\n".join(said))
