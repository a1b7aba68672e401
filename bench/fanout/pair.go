package main

import (
	"fmt"
	"strconv"
	"time"
)

// A pair is a server process and a load process for one run.
type pair struct {
	server, load *process
	addr         string
}

// A workload describes the sockets of one run.
type workload struct {
	sockets int
	matches int  // socket i subscribes to match m<i mod matches>; 0: each socket subscribes to all matches
	idle    int  // every idle-th socket is idle: the load process never reads from it; 0: no socket is idle
	check   bool // whether to count missed events and duplicates
}

// endpoints holds the path and the protocol of each server.
var endpoints = map[string]struct{ path, protocol string }{
	"bare":         {"/", "none"},
	"gorilla":      {"/", "none"},
	"gorilla-idle": {"/", "none"},
	"centrifuge":   {"/connection/websocket", "centrifuge"},
	"matchwire":    {"/ws", "none"},
}

// startServer starts a server without a load process. args are additional arguments of serve.
func startServer(name string, args ...string) (*pair, error) {
	s, err := start(append([]string{"serve", name, "-listen", "127.0.0.1:0"}, args...)...)
	if err != nil {
		return nil, err
	}
	p := &pair{server: s}
	f, err := s.readReply("listening")
	if err != nil || len(f) != 1 {
		p.stop()
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p.addr = f[0]
	return p, nil
}

// startPair starts a server and connects the sockets.
func startPair(name string, c workload) (*pair, error) {
	p, err := startServer(name)
	if err != nil {
		return nil, err
	}
	if err := p.connect(name, c); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// connect opens the sockets and returns when all are connected.
func (p *pair) connect(name string, c workload) error {
	endpoint := endpoints[name]
	args := []string{
		"load", "-addr=" + p.addr, "-path=" + endpoint.path, "-protocol=" + endpoint.protocol,
		"-sockets=" + strconv.Itoa(c.sockets),
		"-idle=" + strconv.Itoa(c.idle), "-source=127.0.0.1,127.0.0.2,127.0.0.3,127.0.0.4",
		// These servers send a first frame without an event.
		"-first=" + strconv.FormatBool(name == "matchwire" || name == "centrifuge"),
		"-check=" + strconv.FormatBool(c.check),
	}
	if c.matches > 0 {
		args = append(args, "-path="+endpoint.path+"?match=m%d", "-matches="+strconv.Itoa(c.matches))
	}
	var err error
	if p.load, err = start(args...); err != nil {
		return err
	}
	_, err = p.load.readReply("connected")
	return err
}

func (p *pair) stop() {
	if p.load != nil {
		p.load.stop()
	}
	p.server.stop()
}

// pace makes the server send n events at a rate. It waits until the load process has counted want
// publications.
func (p *pair) pace(n, perSecond, matches int, want int, template []byte) error {
	if _, err := p.load.call(0, "reset"); err != nil {
		return err
	}
	if err := p.server.send("pace %d %d matches %d %s", n, perSecond, matches, template); err != nil {
		return err
	}
	if _, err := p.server.readReply("done"); err != nil {
		return err
	}
	_, err := p.received(want)
	return err
}

// burst makes the server send n events as fast as possible. It waits until the load process has
// counted want publications. It returns the number of frames that contained the events.
func (p *pair) burst(n, want int, template []byte) (frames float64, err error) {
	if _, err := p.load.call(0, "reset"); err != nil {
		return 0, err
	}
	if err := p.server.send("burst %d %s", n, template); err != nil {
		return 0, err
	}
	return p.received(want)
}

// received waits until the load process has counted want publications. It returns the number of
// frames that contained the events.
func (p *pair) received(want int) (frames float64, err error) {
	got, err := p.load.call(3, "wait "+strconv.Itoa(want))
	if err != nil {
		return 0, err
	}
	if int(got[0]) != want {
		return 0, fmt.Errorf("the sockets received %v events, want %d", got[0], want)
	}
	return got[2], nil
}

// cpu returns the CPU time that the server has used so far.
func (p *pair) cpu() (time.Duration, error) {
	n, err := p.server.call(1, "cpu")
	if err != nil {
		return 0, err
	}
	return time.Duration(n[0]), nil
}

// memory returns the resident memory of the server, in bytes, after two garbage collections. The
// first collection does not shrink all stacks or empty all pools.
func (p *pair) memory() (float64, error) {
	if _, err := p.server.call(1, "memory"); err != nil {
		return 0, err
	}
	n, err := p.server.call(1, "memory")
	if err != nil {
		return 0, err
	}
	return n[0], nil
}

// allInOrder returns an error if a socket was closed, missed an event, or received an event twice or
// out of order.
func (p *pair) allInOrder() error {
	n, err := p.load.call(3, "check")
	if err != nil {
		return err
	}
	if n[0]+n[1]+n[2] > 0 {
		return fmt.Errorf("%v events missed, %v received twice or out of order, %v sockets closed; want none",
			n[0], n[1], n[2])
	}
	return nil
}
