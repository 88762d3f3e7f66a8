"""A proxyless client of grpcio, the C core: what client.ts says. Arguments: target, credentials."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.experimental

AT_ONCE = 10
DEADLINE_S = 15


def channel(target, kind):
    if kind == "xds":
        fallback = grpc.experimental.insecure_channel_credentials()
        return grpc.secure_channel(target, grpc.xds_channel_credentials(fallback))
    return grpc.insecure_channel(target)


def main():
    target, kind = sys.argv[1:3]
    call = channel(target, kind).unary_unary("/where.Where/Am")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for line in sys.stdin:
            batch = json.loads(line)
            headers = tuple((batch.get("headers") or {}).items())

            def one(_, headers=headers):
                try:
                    return call(b"", timeout=DEADLINE_S, metadata=headers).decode(), None
                except grpc.RpcError as error:
                    return None, f"{error.code().name}: {error.details()}"

            by, errors = {}, {}
            for answer, error in pool.map(one, range(batch["calls"])):
                kept, key = (by, answer) if error is None else (errors, error)
                kept[key] = kept.get(key, 0) + 1
            print(json.dumps({"by": by, "errors": errors}), flush=True)


main()
