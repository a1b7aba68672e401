package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// A server is one implementation that sends events to many sockets.
type server struct {
	// broadcast sends an event to all sockets. The caller must not change body later. broadcast
	// returns before the event is sent, unless the server has no queues.
	broadcast func(body []byte) error
	handler   http.Handler
	// accept, if not nil, accepts the connections instead of net/http.
	accept func(net.Listener) error
}

// builders maps the name of a server to the function that creates it.
var builders = map[string]func(logSource) (server, error){
	"bare":         serveBare,
	"gorilla":      serveGorilla,
	"gorilla-idle": serveGorillaIdle,
	"centrifuge":   serveCentrifuge,
	"matchwire":    serveMatchwire,
}

// serve runs the server process: serve NAME [flags]. It runs the commands on its standard input
// until the input ends; see [control].
func serve(args []string) error {
	if len(args) == 0 {
		return errors.New("serve: the name of the server is missing")
	}
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "the address to serve on")
	var from logSource
	flags.StringVar(&from.url, "amqp", "",
		"URL of a RabbitMQ server to read events from, instead of standard input; only for bare and matchwire")
	flags.StringVar(&from.namespace, "namespace", "", "the namespace of the event log")
	_ = flags.Parse(args[1:])
	build := builders[args[0]]
	if build == nil {
		return fmt.Errorf("serve %q: want one of %s", args[0], strings.Join(slices.Sorted(maps.Keys(builders)), ", "))
	}
	s, err := build(from)
	if err != nil {
		return fmt.Errorf("serve %s: %w", args[0], err)
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return fmt.Errorf("serve %s: %w", args[0], err)
	}
	// The goroutine ends with the process. There is no need to close the sockets.
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
