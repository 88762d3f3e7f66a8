"""Stream Continuity 0.1 for grpcio servers: docs/stream-continuity.md."""
import grpc


class Leg:
    """What a later leg goes on from; `received` is set by the server once it has the state."""

    def __init__(self, context):
        said = {key: value for key, value in context.invocation_metadata()}
        self.context = context
        self.call = said.get("continuity-call", "")
        self.number = int(said.get("continuity-leg", 0))
        self.session = said.get("continuity-session", self.call)
        delivered = said.get("continuity-delivered")
        self.delivered = None if delivered is None else int(delivered)  # None: the call begins.
        self.received = 0

    def accept(self):
        """Before the first answer."""
        head = [("continuity-accept", "handoff, resume"), ("continuity-session", self.session)]
        if self.delivered is not None:
            head.append(("continuity-received", str(self.received)))
        self.context.send_initial_metadata(head)

    def hand_off(self):
        """All that was sent is all; the proxy opens elsewhere."""
        received = ("continuity-received", str(self.received))
        self.context.set_trailing_metadata([("continuity-handoff", self.session), received])
        self.context.abort(grpc.StatusCode.UNAVAILABLE, "the server stops")

    def refuse(self, reason):
        self.context.set_trailing_metadata([("continuity-refuse", reason)])
        self.context.abort(grpc.StatusCode.UNAVAILABLE, reason)
