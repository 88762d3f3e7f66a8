"""gRPC's standard interop cases on grpcio, the C core: python client.py PORT

Prints `passed NAME` or `failed NAME REASON` for each case, then `done`.
"""

import os
import sys
from contextlib import contextmanager

import grpc

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
pb, rpc = grpc.protos_and_services("test.proto")

REQUEST_SIZES = [27182, 8, 1828, 45904]
RESPONSE_SIZES = [31415, 9, 2653, 58979]
LARGE_REQUEST, LARGE_RESPONSE = 271828, 314159
CASE_TIMEOUT_S = 20

CASES = []


def case(function):
    CASES.append(function)
    return function


def payload(size):
    return pb.Payload(body=bytes(size))


def output_request(response_size, request_size):
    return pb.StreamingOutputCallRequest(
        response_parameters=[pb.ResponseParameters(size=response_size)],
        payload=payload(request_size),
    )


def expect(actual, wanted, what):
    if actual != wanted:
        raise AssertionError(f"{what} is {actual!r}, not {wanted!r}")


@contextmanager
def ends_with(code, message=None):
    try:
        yield
    except grpc.RpcError as error:
        expect(error.code(), code, "the status")
        if message is not None:
            expect(error.details(), message, "the status message")
    else:
        raise AssertionError(f"the call ended with OK, not {code}")


class Sender:
    """Requests of a stream, sent one at a time as the case goes on."""

    def __init__(self):
        import queue

        self._queue = queue.Queue()

    def send(self, message):
        self._queue.put(message)

    def half_close(self):
        self._queue.put(None)

    def __iter__(self):
        return iter(self._queue.get, None)


@case
def empty_unary(stub):
    expect(stub.EmptyCall(pb.Empty(), timeout=CASE_TIMEOUT_S), pb.Empty(), "the answer")


@case
def large_unary(stub):
    request = pb.SimpleRequest(response_size=LARGE_RESPONSE, payload=payload(LARGE_REQUEST))
    answer = stub.UnaryCall(request, timeout=CASE_TIMEOUT_S)
    expect(answer.payload.body, bytes(LARGE_RESPONSE), "the body")


@case
def client_streaming(stub):
    requests = (pb.StreamingInputCallRequest(payload=payload(size)) for size in REQUEST_SIZES)
    answer = stub.StreamingInputCall(requests, timeout=CASE_TIMEOUT_S)
    expect(answer.aggregated_payload_size, sum(REQUEST_SIZES), "the sum of sizes")


@case
def server_streaming(stub):
    parameters = [pb.ResponseParameters(size=size) for size in RESPONSE_SIZES]
    request = pb.StreamingOutputCallRequest(response_parameters=parameters)
    answers = stub.StreamingOutputCall(request, timeout=CASE_TIMEOUT_S)
    expect([len(answer.payload.body) for answer in answers], RESPONSE_SIZES, "the list of sizes")


@case
def ping_pong(stub):
    sender = Sender()
    answers = stub.FullDuplexCall(iter(sender), timeout=CASE_TIMEOUT_S)
    for request_size, response_size in zip(REQUEST_SIZES, RESPONSE_SIZES):
        sender.send(output_request(response_size, request_size))
        expect(len(next(answers).payload.body), response_size, "the size")
    sender.half_close()
    expect(list(answers), [], "what follows the half-close")


@case
def empty_stream(stub):
    expect(list(stub.FullDuplexCall(iter(()), timeout=CASE_TIMEOUT_S)), [], "the list of answers")


@case
def timeout_on_sleeping_server(stub):
    sender = Sender()
    answers = stub.FullDuplexCall(iter(sender), timeout=0.001)
    sender.send(pb.StreamingOutputCallRequest(payload=payload(27182)))
    try:
        with ends_with(grpc.StatusCode.DEADLINE_EXCEEDED):
            next(answers)
    finally:
        sender.half_close()


@case
def cancel_after_begin(stub):
    sender = Sender()
    call = stub.StreamingInputCall.future(iter(sender), timeout=CASE_TIMEOUT_S)
    call.cancel()
    sender.half_close()
    expect(call.cancelled(), True, "cancelled()")
    expect(call.code(), grpc.StatusCode.CANCELLED, "the status")


@case
def cancel_after_first_response(stub):
    sender = Sender()
    answers = stub.FullDuplexCall(iter(sender), timeout=CASE_TIMEOUT_S)
    sender.send(output_request(31415, 27182))
    expect(len(next(answers).payload.body), 31415, "the size")
    answers.cancel()
    sender.half_close()
    with ends_with(grpc.StatusCode.CANCELLED):
        next(answers)


@case
def status_code_and_message(stub):
    status = pb.EchoStatus(code=2, message="test status message")
    with ends_with(grpc.StatusCode.UNKNOWN, status.message):
        stub.UnaryCall(pb.SimpleRequest(response_status=status), timeout=CASE_TIMEOUT_S)
    with ends_with(grpc.StatusCode.UNKNOWN, status.message):
        request = pb.StreamingOutputCallRequest(response_status=status)
        list(stub.FullDuplexCall(iter([request]), timeout=CASE_TIMEOUT_S))


@case
def special_status_message(stub):
    message = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
    with ends_with(grpc.StatusCode.UNKNOWN, message):
        status = pb.EchoStatus(code=2, message=message)
        stub.UnaryCall(pb.SimpleRequest(response_status=status), timeout=CASE_TIMEOUT_S)


@case
def custom_metadata(stub):
    initial = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
    trailing = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")
    requests = [output_request(1, 1)]

    def check(call):
        expect(dict(call.initial_metadata()).get(initial[0]), initial[1], initial[0])
        expect(dict(call.trailing_metadata()).get(trailing[0]), trailing[1], trailing[0])

    request = pb.SimpleRequest(response_size=1, payload=payload(1))
    _, call = stub.UnaryCall.with_call(request, metadata=[initial, trailing], timeout=CASE_TIMEOUT_S)
    check(call)
    answers = stub.FullDuplexCall(iter(requests), metadata=[initial, trailing], timeout=CASE_TIMEOUT_S)
    expect(len(list(answers)), 1, "the number of answers")
    check(answers)


@case
def unimplemented_method(stub):
    with ends_with(grpc.StatusCode.UNIMPLEMENTED):
        stub.UnimplementedCall(pb.Empty(), timeout=CASE_TIMEOUT_S)


@case
def unimplemented_service(stub):
    with ends_with(grpc.StatusCode.UNIMPLEMENTED):
        stub.other.UnimplementedCall(pb.Empty(), timeout=CASE_TIMEOUT_S)


def main(port):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = rpc.TestServiceStub(channel)
        stub.other = rpc.UnimplementedServiceStub(channel)
        for function in CASES:
            try:
                function(stub)
            except Exception as error:
                print("failed", function.__name__, repr(error).replace("\n", " "), flush=True)
            else:
                print("passed", function.__name__, flush=True)
    print("done")


main(int(sys.argv[1]))
