"""Counts the messages of each stream. python counter.py STATE.sqlite PORT"""
import queue
import signal
import sqlite3
import sys
import threading
import time
from concurrent import futures

import grpc

from continuity import Leg

path, port = sys.argv[1:]
HAND_OFF, END = object(), object()
live = set()
lock = threading.Lock()


def run(statement, *values):
    with sqlite3.connect(path, timeout=5) as database:
        cursor = database.execute(statement, values)
        row = cursor.fetchone() if "RETURNING" in statement else None
        return row, cursor.rowcount


run("CREATE TABLE IF NOT EXISTS counts (session TEXT PRIMARY KEY, leg INTEGER, received INTEGER)")


def count(messages, context):
    leg = Leg(context)
    if leg.delivered is None:
        run("INSERT OR IGNORE INTO counts VALUES (?, ?, 0)", leg.session, leg.number)
    else:
        take = "UPDATE counts SET leg = ? WHERE session = ? AND leg < ? RETURNING received"
        state, _ = run(take, leg.number, leg.session, leg.number)
        if state is None:
            leg.refuse("no such session")
        leg.received = state[0]
    leg.accept()
    for n in range((leg.delivered or 0) + 1, leg.received + 1):
        yield str(n).encode()
    inbox = queue.Queue()
    with lock:
        live.add(inbox)
    context.add_callback(lambda: inbox.put(END))
    threading.Thread(target=lambda: read(messages, inbox), daemon=True).start()
    # The leg's number is the fence: a process that was frozen, and is not the stream's any more, changes no row.
    store = "UPDATE counts SET received = ? WHERE session = ? AND leg = ?"
    while (message := inbox.get()) is not END:
        if message is HAND_OFF:
            leg.hand_off()
        _, changed = run(store, leg.received + 1, leg.session, leg.number)
        if changed == 0:
            context.abort(grpc.StatusCode.ABORTED, "another server has this stream")
        leg.received += 1
        yield str(leg.received).encode()
    with lock:
        live.discard(inbox)


def read(messages, inbox):
    try:
        for message in messages:
            inbox.put(message)
    except grpc.RpcError:
        pass
    inbox.put(END)


server = grpc.server(futures.ThreadPoolExecutor(max_workers=100))
method = grpc.stream_stream_rpc_method_handler(count)
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("counter.Counter", {"Count": method})])
print(f"listening on {server.add_insecure_port(f'127.0.0.1:{port}')}", flush=True)
server.start()
stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
stopping.wait()
# No new stream comes from here on. Those there are go one after the other: who takes them over takes so many a second.
stopped = server.stop(5)
with lock:
    leaving = list(live)
for inbox in leaving:
    inbox.put(HAND_OFF)
    time.sleep(0.001)
stopped.wait()
