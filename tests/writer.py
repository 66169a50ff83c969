"""A process that registers and promotes until it is killed, and says what was acknowledged."""

import os
import sys

from ctcore.registry import Registry


def say(*words):
    os.write(1, " ".join(str(word) for word in words).encode() + b"\n")


registry = Registry(sys.argv[1], actor="writer")
for count in range(10_000):
    content = f"{sys.argv[2]}-{count}"
    say("begin")
    version = registry.register("m", {"model.txt": content.encode()}, run=content, kind="test")
    say("ack", "register", version.number, content)
    serving = registry.state("m").production
    against = registry.version("m", serving).digest
    say("begin")
    registry.add_evidence("m", version.number, kind="gate", verdict="pass", against=against, record={})
    registry.promote("m", version.number, expect=serving)
    say("ack", "promote", version.number)
