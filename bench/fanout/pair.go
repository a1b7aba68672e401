package main

import (
	"fmt"
	"strconv"
	"time"
)

// A pair is a server and the load on it, each in a process of its own, made
// for one run.
type pair struct {
	server, load *process
	addr         string
}

// A crowd is the sockets of one run.
type crowd struct {
	sockets int
	matches int  // socket i wants match m<i mod matches>, and only that; 0: everything
	idle    int  // every so many sockets one is never read from; 0: none
	check   bool // every event must come once and in order
}

// endpoints holds what differs between the servers for who connects.
var endpoints = map[string]struct{ path, hello string }{
	"bare":         {"/", "none"},
	"gorilla":      {"/", "none"},
	"gorilla-idle": {"/", "none"},
	"centrifuge":   {"/connection/websocket", "centrifuge"},
	"matchwire":    {"/ws", "none"},
}

// startServer starts a server without any load, with more arguments of serve.
func startServer(name string, args ...string) (*pair, error) {
	s, err := start(append([]string{"serve", name, "-listen", "127.0.0.1:0"}, args...)...)
	if err != nil {
		return nil, err
	}
	p := &pair{server: s}
	f, err := s.expect("listening")
	if err != nil || len(f) != 1 {
		p.stop()
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p.addr = f[0]
	return p, nil
}

// startPair starts a server and connects the crowd.
func startPair(name string, c crowd) (*pair, error) {
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

// connect opens the sockets of the crowd, and returns when all are connected.
func (p *pair) connect(name string, c crowd) error {
	at := endpoints[name]
	args := []string{
		"load", "-addr=" + p.addr, "-path=" + at.path, "-hello=" + at.hello, "-sockets=" + strconv.Itoa(c.sockets),
		"-idle=" + strconv.Itoa(c.idle), "-source=127.0.0.1,127.0.0.2,127.0.0.3,127.0.0.4",
		// These send a first frame by themselves.
		"-first=" + strconv.FormatBool(name == "matchwire" || name == "centrifuge"),
		"-check=" + strconv.FormatBool(c.check),
	}
	if c.matches > 0 {
		args = append(args, "-path="+at.path+"?match=m%d", "-matches="+strconv.Itoa(c.matches))
	}
	var err error
	if p.load, err = start(args...); err != nil {
		return err
	}
	_, err = p.load.expect("connected")
	return err
}

func (p *pair) stop() {
	if p.load != nil {
		p.load.stop()
	}
	p.server.stop()
}

// pace has n events sent at a rate and waits until all sockets together have
// received want more of them.
func (p *pair) pace(n, perSecond, matches int, want int, template []byte) error {
	if _, err := p.load.ask(0, "reset"); err != nil {
		return err
	}
	if err := p.server.tell("pace %d %d matches %d %s", n, perSecond, matches, template); err != nil {
		return err
	}
	if _, err := p.server.expect("done"); err != nil {
		return err
	}
	_, err := p.received(want)
	return err
}

// burst has n events sent at once, and waits likewise. It returns how many
// frames brought them.
func (p *pair) burst(n, want int, template []byte) (frames float64, err error) {
	if _, err := p.load.ask(0, "reset"); err != nil {
		return 0, err
	}
	if err := p.server.tell("burst %d %s", n, template); err != nil {
		return 0, err
	}
	return p.received(want)
}

func (p *pair) received(want int) (frames float64, err error) {
	got, err := p.load.ask(3, "wait "+strconv.Itoa(want))
	if err != nil {
		return 0, err
	}
	if int(got[0]) != want {
		return 0, fmt.Errorf("%v events arrived, %d were to", got[0], want)
	}
	return got[2], nil
}

// cpu is what the server has used so far.
func (p *pair) cpu() (time.Duration, error) {
	n, err := p.server.ask(1, "cpu")
	if err != nil {
		return 0, err
	}
	return time.Duration(n[0]), nil
}

// memory is how many bytes the server has in RAM once garbage is collected
// twice: the first time stacks only begin to shrink, and pools keep what they have.
func (p *pair) memory() (float64, error) {
	if _, err := p.server.ask(1, "memory"); err != nil {
		return 0, err
	}
	n, err := p.server.ask(1, "memory")
	if err != nil {
		return 0, err
	}
	return n[0], nil
}

// allInOrder says what is wrong if an event was missed, came twice, or a socket ended.
func (p *pair) allInOrder() error {
	n, err := p.load.ask(3, "check")
	if err != nil {
		return err
	}
	if n[0]+n[1]+n[2] > 0 {
		return fmt.Errorf("%v events missed, %v twice, %v sockets ended", n[0], n[1], n[2])
	}
	return nil
}
