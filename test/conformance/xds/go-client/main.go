// A proxyless client of grpc-go: what ../client.ts says. Arguments: target, credentials.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	xdscreds "google.golang.org/grpc/credentials/xds"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	_ "google.golang.org/grpc/xds"
)

const (
	atOnce   = 10
	deadline = 15 * time.Second
)

// Octets as they are.
type raw struct{}

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

func (raw) Name() string { return "raw" }

var _ encoding.CodecV2 = raw{}

type batch struct {
	Calls   int64             `json:"calls"`
	Headers map[string]string `json:"headers"`
}

type calls struct {
	By     map[string]int `json:"by"`
	Errors map[string]int `json:"errors"`
}

func run(conn *grpc.ClientConn, b batch) calls {
	result := calls{By: map[string]int{}, Errors: map[string]int{}}
	var lock sync.Mutex
	var group sync.WaitGroup
	left := b.Calls
	for range atOnce {
		group.Go(func() {
			for atomic.AddInt64(&left, -1) >= 0 {
				ctx, cancel := context.WithTimeout(context.Background(), deadline)
				ctx = metadata.NewOutgoingContext(ctx, metadata.New(b.Headers))
				request, answer := []byte{}, []byte{}
				err := conn.Invoke(ctx, "/where.Where/Am", &request, &answer, grpc.ForceCodecV2(raw{}))
				cancel()
				lock.Lock()
				if err != nil {
					result.Errors[fmt.Sprintf("%v: %s", status.Code(err), status.Convert(err).Message())]++
				} else {
					result.By[string(answer)]++
				}
				lock.Unlock()
			}
		})
	}
	group.Wait()
	return result
}

func main() {
	var creds credentials.TransportCredentials = insecure.NewCredentials()
	if os.Args[2] == "xds" {
		made, err := xdscreds.NewClientCredentials(xdscreds.ClientOptions{FallbackCreds: creds})
		if err != nil {
			panic(err)
		}
		creds = made
	}
	conn, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(creds))
	if err != nil {
		panic(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var b batch
		if err := json.Unmarshal(lines.Bytes(), &b); err != nil {
			panic(err)
		}
		if err := out.Encode(run(conn, b)); err != nil {
			return
		}
	}
}
