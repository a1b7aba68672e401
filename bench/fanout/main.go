// Fanout measures what it costs to send one event to many WebSockets, on this
// machine, over loopback: matchwire beside a floor in bare system calls and
// beside the two libraries that a Go program would else use. It runs on Linux
// alone, and is a module of its own so that its peers are no dependency of
// matchwire.
//
//	go run . -rounds 5
//	go run . -only cpu,burst -rounds 1 -sockets 200
//
// Without a command it is the runner: it starts itself as one process that
// serves and one that opens the sockets and counts, tells both over their
// standard input what to do, and prints the medians of all rounds and which
// bars hold. It exits with 1 if one does not.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fanout:", err)
		os.Exit(1)
	}
}

// run is the runner, unless the first argument says which of its processes this is.
func run(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "serve":
			return serve(args[1:])
		case "load":
			return load(args[1:])
		}
	}
	return bench(args)
}
