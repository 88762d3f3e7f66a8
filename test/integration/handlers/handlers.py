"""The same as handlers.ts, on grpcio."""

import queue
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc

changed = threading.Condition()
most = 0
stopping = False


def may(number, context):
    """Waits until `number` may be said. False: the server stops."""
    with changed:
        while most < number and not stopping and context.is_active():
            changed.wait(0.1)
        return most >= number


def begin(context, one_request, received):
    """How many answers the client has; None: the proxy offers nothing."""
    said = dict(context.invocation_metadata())
    if "resume" not in said.get("continuity-offer", ""):
        return None
    delivered = int(said.get("continuity-delivered", "0"))
    accepts = "handoff, resume" + (", one-request" if one_request else "")
    context.send_initial_metadata(
        (
            ("continuity-accept", accepts),
            ("continuity-session", "nothing is kept"),
            ("continuity-received", str(received(delivered))),
        )
    )
    return delivered


def hand_off(context, received):
    fields = (("continuity-handoff", "1"), ("continuity-received", str(received)))
    context.set_trailing_metadata(fields)
    context.abort(grpc.StatusCode.UNAVAILABLE, "the server stops")


def serve(request, context):
    delivered = begin(context, True, lambda _: 0)
    token = request[3] if len(request) > 3 else 0
    for number in range((token if delivered is None else delivered) + 1, request[1] + 1):
        if not may(number, context):
            hand_off(context, 0)
        yield bytes([8, number])


def chat(requests, context):
    answered = begin(context, False, lambda delivered: delivered) or 0
    for request in requests:
        if not may(request[1], context):
            hand_off(context, answered)
        answered += 1
        yield request


def collect(requests, context):
    begin(context, False, lambda _: 0)
    messages = queue.Queue()

    def read():
        try:
            for request in requests:
                messages.put(request)
        except grpc.RpcError:
            pass
        messages.put(None)

    threading.Thread(target=read, daemon=True).start()
    count = 0
    while True:
        try:
            message = messages.get(timeout=0.05)
        except queue.Empty:
            if stopping:
                hand_off(context, 0)
            continue
        if message is None:
            break
        count += 1
    if not may(count, context):
        hand_off(context, 0)
    return bytes([8, count])


def stop(*_):
    global stopping
    stopping = True
    server.stop(5)


server = grpc.server(ThreadPoolExecutor(max_workers=20))
methods = {
    "Serve": grpc.unary_stream_rpc_method_handler(serve),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
    "Collect": grpc.stream_unary_rpc_method_handler(collect),
}
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("kinds.Kinds", methods),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
signal.signal(signal.SIGTERM, stop)
print(f"listening on {port}", flush=True)


def read_numbers():
    global most
    for line in sys.stdin:
        with changed:
            most = int(line)
            changed.notify_all()


threading.Thread(target=read_numbers, daemon=True).start()
server.wait_for_termination()
