// The same as handlers.ts, on grpc-go: its handlers are called as generated code calls them.
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

var (
	lock       sync.Mutex
	changed    = sync.NewCond(&lock)
	most       int
	isStopping bool
	stopping   = make(chan struct{})
)

// may waits until a number may be said. False: the server stops.
func may(number int) bool {
	lock.Lock()
	defer lock.Unlock()
	for most < number && !isStopping {
		changed.Wait()
	}
	return most >= number
}

// begin returns how many answers the client has; -1: the proxy offers nothing.
func begin(stream grpc.ServerStream, oneRequest bool, received func(delivered int) int) int {
	said, _ := metadata.FromIncomingContext(stream.Context())
	if !strings.Contains(strings.Join(said.Get("continuity-offer"), ""), "resume") {
		return -1
	}
	delivered, _ := strconv.Atoi(strings.Join(said.Get("continuity-delivered"), ""))
	accepts := "handoff, resume"
	if oneRequest {
		accepts += ", one-request"
	}
	head := metadata.Pairs("continuity-accept", accepts, "continuity-session", "nothing is kept",
		"continuity-received", strconv.Itoa(received(delivered)))
	if err := stream.SendHeader(head); err != nil {
		log.Print(err)
	}
	return delivered
}

func handOff(stream grpc.ServerStream, received int) error {
	stream.SetTrailer(metadata.Pairs("continuity-handoff", "1", "continuity-received", strconv.Itoa(received)))
	return status.Error(codes.Unavailable, "the server stops")
}

func nothing(int) int { return 0 }

func serve(_ any, stream grpc.ServerStream) error {
	// As generated code does, before the handler is called.
	var request []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	next := begin(stream, true, nothing) + 1
	if next == 0 {
		next = 1
		if len(request) > 3 {
			next = int(request[3]) + 1
		}
	}
	for ; next <= int(request[1]); next++ {
		if !may(next) {
			return handOff(stream, 0)
		}
		if err := stream.SendMsg([]byte{8, byte(next)}); err != nil {
			return err
		}
	}
	return nil
}

func chat(_ any, stream grpc.ServerStream) error {
	answered := max(0, begin(stream, false, func(delivered int) int { return delivered }))
	for {
		var message []byte
		if err := stream.RecvMsg(&message); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if !may(int(message[1])) {
			return handOff(stream, answered)
		}
		if err := stream.SendMsg(message); err != nil {
			return err
		}
		answered++
	}
}

func collect(_ any, stream grpc.ServerStream) error {
	begin(stream, false, nothing)
	ended := make(chan error, 1)
	count := 0
	go func() {
		for {
			var message []byte
			if err := stream.RecvMsg(&message); err != nil {
				ended <- err
				return
			}
			count++
		}
	}()
	select {
	case <-stopping:
		return handOff(stream, 0)
	case err := <-ended:
		if err != io.EOF {
			return err
		}
	}
	if !may(count) {
		return handOff(stream, 0)
	}
	return stream.SendMsg([]byte{8, byte(count)})
}

// plain is messages that are octets, without protobuf.
type plain struct{}

func (plain) Marshal(v any) ([]byte, error) { return v.([]byte), nil }
func (plain) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (plain) Name() string { return "proto" }

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodec(plain{}))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "kinds.Kinds",
		Streams: []grpc.StreamDesc{
			{StreamName: "Serve", Handler: serve, ServerStreams: true},
			{StreamName: "Chat", Handler: chat, ServerStreams: true, ClientStreams: true},
			{StreamName: "Collect", Handler: collect, ClientStreams: true},
		},
	}, nil)
	fmt.Printf("listening on %d\n", listener.Addr().(*net.TCPAddr).Port)
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			number, _ := strconv.Atoi(lines.Text())
			lock.Lock()
			most = number
			lock.Unlock()
			changed.Broadcast()
		}
	}()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		<-signals
		lock.Lock()
		isStopping = true
		lock.Unlock()
		changed.Broadcast()
		close(stopping)
		server.GracefulStop()
	}()
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
