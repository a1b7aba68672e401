#!/usr/bin/env python3
"""A consumer that matchwire runs. It appends a line to a file for every goal.

    consumers:
      goals:
        exec: [python3, goals.py, goals.txt]
        keys: ["*.*.goal"]

The program reads events from standard input, one per line. It answers each event
with a line on standard output: ok, retry REASON or permanent REASON.

matchwire sends an event again if matchwire or this program was killed before the
answer. So the program skips events that are already in the file.
"""

import json
import os
import sys


def event_ids(name):
    """Return the IDs of the events in the file."""
    if not os.path.exists(name):
        return set()
    with open(name, encoding="utf-8") as file:
        return {line.split()[1] for line in file if line.endswith("\n")}


def main(name):
    written = event_ids(name)
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
