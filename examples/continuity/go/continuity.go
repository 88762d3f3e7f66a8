package main

import (
	"context"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Leg is what a later leg goes on from; the server sets Received once it has the state.
type Leg struct {
	Session                     string
	Number, Delivered, Received int  // the fence; answers that the client has; client messages in the state
	IsLater                     bool // false: the call begins
}

func legOf(ctx context.Context) *Leg {
	said, _ := metadata.FromIncomingContext(ctx)
	one := func(name string) string { return append(said.Get("continuity-"+name), "")[0] }
	number, _ := strconv.Atoi(one("leg"))
	delivered, err := strconv.Atoi(one("delivered"))
	session := append(said.Get("continuity-session"), one("call"))[0]
	return &Leg{Session: session, Number: number, Delivered: delivered, IsLater: err == nil}
}

// accept goes before the first answer.
func (leg *Leg) accept(stream grpc.ServerStream) error {
	head := metadata.Pairs("continuity-accept", "handoff, resume", "continuity-session", leg.Session)
	return stream.SendHeader(metadata.Join(head, metadata.Pairs("continuity-received", strconv.Itoa(leg.Received))))
}

// end is how a leg ends that goes on elsewhere ("handoff"), or cannot ("refuse").
func (leg *Leg) end(stream grpc.ServerStream, why, reason string) error {
	value := map[string]string{"handoff": leg.Session, "refuse": reason}[why]
	stream.SetTrailer(metadata.Pairs("continuity-"+why, value, "continuity-received", strconv.Itoa(leg.Received)))
	return status.Error(codes.Unavailable, reason)
}
