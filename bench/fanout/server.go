package main

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// A server is one way to send an event to many sockets.
type server struct {
	// broadcast hands over one event for every socket. It does not wait for it
	// to be sent, unless the server has no queues; the bytes are its own to keep.
	broadcast func(body []byte) error
	handler   http.Handler
	// accept, if not nil, takes the connections instead of net/http.
	accept func(net.Listener) error
}

// servable holds all that can be served.
var servable = map[string]func(logOption) (server, error){
	"bare":         serveBare,
	"gorilla":      serveGorilla,
	"gorilla-idle": serveGorillaIdle,
	"centrifuge":   serveCentrifuge,
	"matchwire":    serveMatchwire,
}

// serve is the process that serves: serve NAME [-listen ADDRESS]. It acts on
// the lines of its standard input, see [control], until that ends.
func serve(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("serve: which of the servers is missing")
	}
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "the address to serve on")
	var from logOption
	flags.StringVar(&from.url, "amqp", "", "a RabbitMQ to read events from, instead of standard input; bare and matchwire alone can")
	flags.StringVar(&from.namespace, "namespace", "", "the namespace of its event log")
	_ = flags.Parse(args[1:])
	build := servable[args[0]]
	if build == nil {
		return fmt.Errorf("serve %q: no such server", args[0])
	}
	s, err := build(from)
	if err != nil {
		return fmt.Errorf("serve %s: %w", args[0], err)
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return fmt.Errorf("serve %s: %w", args[0], err)
	}
	// What ends the process ends this goroutine too: its sockets need no farewell.
	go func() {
		accept := s.accept
		if accept == nil {
			accept = (&http.Server{Handler: s.handler, ReadHeaderTimeout: 30 * time.Second}).Serve
		}
		fmt.Fprintln(os.Stderr, "serve:", accept(l))
		os.Exit(1)
	}()
	fmt.Println("listening", l.Addr())
	return control(bufio.NewReaderSize(os.Stdin, 64<<10), os.Stdout, s.broadcast)
}
