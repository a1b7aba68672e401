// Fanout measures the cost of sending an event to many WebSockets on this machine, over loopback.
// It compares matchwire with bare system calls, as the baseline, and with two libraries, gorilla
// and centrifuge. It runs only on Linux. It is a separate module, so that matchwire does not depend
// on the libraries.
//
//	go run . -rounds 5
//	go run . -only cpu,burst -rounds 1 -sockets 200
//
// The program starts itself as two more processes. The serve process runs the server. The load
// process opens the sockets and counts the events that they receive. The program controls both
// processes through their standard input. It prints the medians of all rounds, and compares ratios
// with limits. It exits with 1 if a ratio exceeds its limit or was not measured, or if a run fails.
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

// run runs the process that the first argument names: serve or load. Without such an argument, it
// runs the benchmark.
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
