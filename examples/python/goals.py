#!/usr/bin/env python3
"""A consumer for matchwire's exec: it writes every goal into a file, a line each.

    consumers:
      goals:
        exec: [python3, goals.py, goals.txt]
        keys: ["*.*.goal"]

matchwire gives it an event a line, and wants an answer for each: ok, retry
REASON or permanent REASON. An event may come twice, when matchwire or this
program was killed before it had answered: what is in the file already is not
written again.
"""

import json
import os
import sys


def known(name):
    """The IDs of the events that the file has."""
    if not os.path.exists(name):
        return set()
    with open(name, encoding="utf-8") as file:
        return {line.split()[1] for line in file if line.endswith("\n")}


def main(name):
    written = known(name)
    with open(name, "a", encoding="utf-8") as file:
        for line in sys.stdin:
            event = json.loads(line)
            facts = event["data"]
            if event["id"] not in written:
                try:
                    file.write(f"{event['tid']} {event['id']} {facts['team']}: {facts['player']}, {facts['time']}\n")
                    file.flush()
                except OSError as error:
                    print("retry", error, flush=True)
                    continue
                written.add(event["id"])
            print("ok", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
