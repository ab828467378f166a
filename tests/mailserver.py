"""An SMTP server for tests, which can respond late."""

import socketserver
import threading
import time
from collections import Counter
from contextlib import suppress


class MailServer(socketserver.ThreadingTCPServer):
    """An SMTP server that counts the emails that it accepts. Use it as a context manager.

    accept, goodbye: seconds before it accepts an email, and before it answers QUIT.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, accept=0, goodbye=0):
        super().__init__(("127.0.0.1", 0), Conversation)
        self.accept, self.goodbye, self.accepted = accept, goodbye, Counter()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def variables(self):
        """The environment of a process that sends its emails to this server."""
        return {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(self.server_address[1]), "EMAIL_USE_TLS": "0"}

    def __exit__(self, *exc_info):
        self.shutdown()
        super().__exit__(*exc_info)


class Conversation(socketserver.StreamRequestHandler):
    def handle(self):
        recipient = ""
        self.answer(b"220 ready")
        for line in self.rfile:
            verb = line[:4].upper().strip()
            if verb == b"RCPT":
                recipient = line.decode().partition("<")[2].partition(">")[0]
            if verb == b"QUIT":
                time.sleep(self.server.goodbye)
                self.answer(b"221 bye")
            elif verb == b"DATA":
                self.answer(b"354 go on")
                while self.rfile.readline() != b".\r\n":
                    pass
                # It has the whole email, so it accepts it even if the client no longer waits.
                time.sleep(self.server.accept)
                self.server.accepted[recipient] += 1
                self.answer(b"250 accepted")
            else:
                self.answer(b"250 fine")

    def answer(self, line):
        with suppress(OSError):  # the client has disconnected
            self.wfile.write(line + b"\r\n")
