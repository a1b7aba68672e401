package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// waitTimeout is how long publications are waited for.
const waitTimeout = 60 * time.Second

// loadOptions say what the load process opens.
type loadOptions struct {
	addr    string
	path    string
	matches int
	sockets int
	hello   string
	first   bool
	idle    int
	sources []string
	check   bool
}

// load is the process that opens the sockets and counts what arrives:
// load -addr HOST:PORT [flags]. It prints "connected N SECONDS" when all are
// open; then it acts on the lines of its standard input until that ends:
//
//	wait N   replies: got PUBLICATIONS BYTES FRAMES when N publications have come since the last reset,
//	         or after a minute: timeout PUBLICATIONS
//	reset    forgets what was counted and measured; replies: reset
//	latency  replies: latency P50 P90 P99 MAX COUNT, in nanoseconds from when the event was handed to the server
//	check    replies: check GAPS DOUBLES CLOSED; what was missed or came again on a socket, and how many
//	         sockets ended; reset does not touch these
//
// Idle sockets are in none of the figures.
func load(args []string) error {
	var o loadOptions
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	flags.StringVar(&o.addr, "addr", "", "the server's address")
	flags.StringVar(&o.path, "path", "/", "the path to ask for; %d becomes i mod matches")
	flags.IntVar(&o.matches, "matches", 1, "how many matches there are")
	flags.IntVar(&o.sockets, "sockets", 100, "how many sockets to open")
	flags.StringVar(&o.hello, "hello", "none", "what to say first, and which protocol to speak: none or centrifuge")
	flags.BoolVar(&o.first, "first", false, "a socket is connected when its first frame has come")
	flags.IntVar(&o.idle, "idle", 0, "every so many sockets one is never read from; 0: none")
	sources := flags.String("source", "127.0.0.1", "local addresses to connect from alternately, separated by commas")
	flags.BoolVar(&o.check, "check", false, "look at the seq of each event; all that a socket gets must be of one match")
	_ = flags.Parse(args)
	o.sources = strings.Split(*sources, ",")

	r, err := newReceiver(o)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	lines := make(chan string)
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- in.Text()
		}
		close(lines)
	}()
	if err := r.run(lines); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return nil
}

// command acts on one line and returns the reply. wait is not among them: see run.
func (r *receiver) command(line string) (string, error) {
	switch line {
	case "reset":
		r.counts, r.latency = counts{}, histogram{}
		for _, s := range r.sockets {
			s.counts = counts{}
		}
		return "reset", nil
	case "latency":
		h := &r.latency
		return fmt.Sprintf("latency %d %d %d %d %d", h.at(0.5), h.at(0.9), h.at(0.99), h.max, h.count), nil
	case "check":
		return fmt.Sprintf("check %d %d %d", r.gaps, r.doubles, r.closed), nil
	}
	return "", fmt.Errorf("command %q: unknown", line)
}

// A waiting is a wait command that has no reply yet.
type waiting struct {
	publications int64
	until        time.Time
}

func parseWait(line string) (waiting, bool) {
	n, ok := strings.CutPrefix(line, "wait ")
	want, err := strconv.ParseInt(n, 10, 64)
	return waiting{want, time.Now().Add(waitTimeout)}, ok && err == nil
}
