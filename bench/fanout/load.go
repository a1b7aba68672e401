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

// waitTimeout is the timeout of the wait command.
const waitTimeout = 60 * time.Second

// loadOptions holds the flags of the load process.
type loadOptions struct {
	addr     string
	path     string
	matches  int
	sockets  int
	protocol string
	byFrame  bool // whether a socket counts as connected only after its first frame
	idle     int
	sources  []string
	check    bool
}

// load runs the process that opens the sockets and counts the events that they receive: load -addr
// HOST:PORT [flags]. It prints "connected N SECONDS" when all sockets are open. Then it runs the
// commands on its standard input, one per line, until the input ends. A publication is one event
// that one socket received. The commands are:
//
//	wait N   wait for N publications since the last reset; reply: got PUBLICATIONS BYTES FRAMES;
//	         after waitTimeout, reply: timeout PUBLICATIONS
//	reset    reset the latencies and the counts of wait; reply: reset
//	latency  reply: latency P50 P90 P99 MAX COUNT; the latencies are in nanoseconds since each event
//	         was sent
//	check    reply: check GAPS DUPLICATES CLOSED, the numbers of missed events, duplicates and
//	         closed sockets since the start
//
// The process never reads from idle sockets, so it counts no events for them.
func load(args []string) error {
	var o loadOptions
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	flags.StringVar(&o.addr, "addr", "", "the server's address")
	flags.StringVar(&o.path, "path", "/", "the path to request; %d becomes i mod matches for socket i")
	flags.IntVar(&o.matches, "matches", 1, "number of matches")
	flags.IntVar(&o.sockets, "sockets", 100, "number of sockets to open")
	flags.StringVar(&o.protocol, "protocol", "none", "protocol on top of WebSocket: none or centrifuge")
	flags.BoolVar(&o.byFrame, "first", false, "count a socket as connected when it receives its first frame")
	flags.IntVar(&o.idle, "idle", 0, "leave every N-th socket idle: never read from it; 0 means read from all")
	sources := flags.String("source", "127.0.0.1", "local addresses to connect from, separated by commas")
	flags.BoolVar(&o.check, "check", false,
		"check the seq of each event; each socket must receive the events of one match only")
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

// command runs a command other than wait, and returns the reply. For wait, see run.
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
		return fmt.Sprintf("latency %d %d %d %d %d", h.quantile(0.5), h.quantile(0.9), h.quantile(0.99), h.max, h.count), nil
	case "check":
		return fmt.Sprintf("check %d %d %d", r.gaps, r.duplicates, r.closed), nil
	}
	return "", fmt.Errorf("unknown command %q", line)
}

// A waitCommand is a wait command that has no reply yet.
type waitCommand struct {
	publications int64
	deadline     time.Time
}

func parseWait(line string) (waitCommand, bool) {
	n, ok := strings.CutPrefix(line, "wait ")
	want, err := strconv.ParseInt(n, 10, 64)
	return waitCommand{want, time.Now().Add(waitTimeout)}, ok && err == nil
}
