// A chat client as grpc-go's users write them: a stream, each line of standard input a message, each answer a line. It
// knows nothing of proxies. chat HOST:PORT
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

var chat = grpc.StreamDesc{StreamName: "BidStream", ServerStreams: true, ClientStreams: true}

func main() {
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	stream, err := connection.NewStream(context.Background(), &chat, "/chat.Chat/BidStream")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		lines := bufio.NewReader(os.Stdin)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				stream.CloseSend()
				return
			}
			// On the wire a Request and a Response are as a StringValue: a text in field 1.
			if stream.SendMsg(wrapperspb.String(line)) != nil {
				return
			}
		}
	}()
	for {
		var answer wrapperspb.StringValue
		err := stream.RecvMsg(&answer)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%q\n", answer.Value)
	}
}
