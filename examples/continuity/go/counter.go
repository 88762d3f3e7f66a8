// Counts the messages of each stream. counter STATE-FOLDER PORT
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"google.golang.org/grpc"
)

type state struct{ Leg, Received int }

var errFenced = errors.New("another server has this stream")

// Each stream that reads from it hands off.
var stopping = make(chan struct{})

// change reads and writes the state of a session while no other process does.
func change(session string, change func(s *state, isNew bool) error) error {
	file, err := os.OpenFile(filepath.Join(os.Args[1], filepath.Base(session)), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	var s state
	isNew := json.NewDecoder(file).Decode(&s) != nil
	if err := change(&s, isNew); err != nil {
		return err
	}
	text, _ := json.Marshal(s)
	if _, err := file.WriteAt(append(text, "        "...), 0); err != nil {
		return err
	}
	return file.Sync()
}

func count(_ any, stream grpc.ServerStream) error {
	leg := legOf(stream.Context())
	err := change(leg.Session, func(s *state, isNew bool) error {
		if leg.IsLater && (isNew || s.Leg >= leg.Number) {
			return errFenced
		}
		s.Leg, leg.Received = leg.Number, s.Received
		return nil
	})
	if err != nil {
		return leg.end(stream, "refuse", err.Error())
	}
	if err := leg.accept(stream); err != nil {
		return err
	}
	for n := leg.Delivered + 1; n <= leg.Received; n++ {
		if err := stream.SendMsg(strconv.Itoa(n)); err != nil {
			return err
		}
	}
	messages, ended := make(chan string), make(chan error, 1)
	go func() {
		for {
			var message string
			if err := stream.RecvMsg(&message); err != nil {
				ended <- err
				return
			}
			select {
			case messages <- message:
			case <-stream.Context().Done():
				return
			}
		}
	}()
	for {
		select {
		case <-stopping:
			return leg.end(stream, "handoff", "the server stops")
		case err := <-ended:
			if err == io.EOF {
				return nil
			}
			return err
		case <-messages:
			err := change(leg.Session, func(s *state, _ bool) error {
				// The leg's number is the fence: a process that was frozen, and is not the stream's any more, writes nothing.
				if s.Leg != leg.Number {
					return errFenced
				}
				s.Received++
				return nil
			})
			if err != nil {
				return err
			}
			leg.Received++
			if err := stream.SendMsg(strconv.Itoa(leg.Received)); err != nil {
				return err
			}
		}
	}
}

// plain is messages that are text, without protobuf.
type plain struct{}

func (plain) Marshal(v any) ([]byte, error)      { return []byte(v.(string)), nil }
func (plain) Unmarshal(data []byte, v any) error { *v.(*string) = string(data); return nil }
func (plain) Name() string                       { return "proto" }

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := grpc.NewServer(grpc.ForceServerCodec(plain{}), grpc.UnknownServiceHandler(count))
	fmt.Printf("listening on %d\n", listener.Addr().(*net.TCPAddr).Port)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		<-signals
		// No new stream comes from here on. Those there are go one after the other: who takes them over takes so many a
		// second.
		go func() {
			for ; ; time.Sleep(time.Millisecond) {
				stopping <- struct{}{}
			}
		}()
		server.GracefulStop()
	}()
	if err := server.Serve(listener); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
