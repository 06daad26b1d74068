"""The client of tests/warm.py's server: has a command carried out there, with its own pipes, folder and signals."""

import json
import os
import signal
import socket
import sys

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Ask for the command, pass on what this process is sent, and end as the command does."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until it is known whom they are for
    address, *arguments = sys.argv[1:]
    command = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        socket.send_fds(server, [b"\0"], [0, 1, 2])
        server.sendall(json.dumps(command).encode() + b"\n")
        answers = server.makefile()
        process = int(answers.readline())
        for stream in (0, 1, 2):  # where the command closes them, they are closed
            os.close(stream)
        for number in SIGNALS:
            signal.signal(number, lambda number, _: os.kill(process, number))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        status = int(answers.readline())
    if os.WIFSIGNALED(status):
        signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    main()
