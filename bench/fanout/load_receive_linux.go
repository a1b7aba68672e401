package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// counts are what arrived.
type counts struct {
	frames, publications, bytes int64
}

func (c *counts) add(d counts) {
	c.frames += d.frames
	c.publications += d.publications
	c.bytes += d.bytes
}

// A socket is one connection of the load process.
type socket struct {
	fd     int
	idle   bool   // never read from
	open   bool   // it counts as connected
	left   []byte // of a frame whose end has not come yet
	seq    int64  // of the last event; 0 before the first
	counts counts
}

// A receiver reads all sockets in one loop over one buffer, since a goroutine
// and a buffer for each would take more than the servers have to do.
type receiver struct {
	options loadOptions
	epoll   int
	opened  chan *socket // by the connectors
	failed  chan error   // the first connection that did not come about
	sockets []*socket
	buffer  []byte

	connected int
	counts    counts
	latency   histogram
	gaps      int64
	doubles   int64
	closed    int
}

func newReceiver(o loadOptions) (*receiver, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	r := &receiver{options: o, epoll: epoll, buffer: make([]byte, 256<<10)}
	r.opened, r.failed = connect(o)
	return r, nil
}

// run opens the sockets, reads from them and acts on the lines until these end.
func (r *receiver) run(lines <-chan string) error {
	began := time.Now()
	commands := lines
	var wait *waiting
	ready := make([]unix.EpollEvent, 512)
	for connected := false; ; {
		if err := r.read(ready); err != nil {
			return err
		}
		if !connected && r.connected == r.options.sockets {
			connected = true
			fmt.Printf("connected %d %.2f\n", r.connected, time.Since(began).Seconds())
		}
		switch {
		case wait == nil:
		case r.counts.publications >= wait.publications:
			fmt.Println("got", r.counts.publications, r.counts.bytes, r.counts.frames)
			wait, commands = nil, lines
		case time.Now().After(wait.until):
			fmt.Fprintf(os.Stderr, "load: %d of %d publications came, %d sockets ended\n", r.counts.publications, wait.publications, r.closed)
			fmt.Println("timeout", r.counts.publications)
			wait, commands = nil, lines
		}
		select {
		case s := <-r.opened:
			if err := r.take(s); err != nil {
				return err
			}
		case err := <-r.failed:
			return err
		case line, ok := <-commands:
			if !ok {
				return nil
			}
			if w, ok := parseWait(line); ok {
				wait, commands = &w, nil // no other command before its reply
				continue
			}
			reply, err := r.command(line)
			if err != nil {
				return err
			}
			fmt.Println(reply)
		default:
		}
	}
}

// take adds a socket whose handshake is done.
func (r *receiver) take(s *socket) error {
	r.sockets = append(r.sockets, s)
	if s.idle || !r.options.first {
		r.markOpen(s)
	}
	if s.idle {
		return nil
	}
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(len(r.sockets) - 1)} // the kernel does not look at Fd
	if err := unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, s.fd, &e); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return r.cut(s, append([]byte(nil), s.left...)) // what came behind the handshake
}

func (r *receiver) markOpen(s *socket) {
	if !s.open {
		s.open = true
		r.connected++
	}
}

// read waits a moment for sockets with something to read, and reads once from each.
func (r *receiver) read(ready []unix.EpollEvent) error {
	timeout := 2 // ms; commands wait so long
	if len(r.opened) > 0 {
		timeout = 0
	}
	n, err := unix.EpollWait(r.epoll, ready, timeout)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("epoll: %w", err)
	}
	for i := range max(n, 0) {
		if err := r.readSocket(r.sockets[ready[i].Fd]); err != nil {
			return err
		}
	}
	return nil
}

func (r *receiver) readSocket(s *socket) error {
	if len(s.left) > len(r.buffer)/2 {
		r.buffer = make([]byte, 2*len(r.buffer))
	}
	kept := copy(r.buffer, s.left)
	n, err := unix.Read(s.fd, r.buffer[kept:])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil
	case err != nil || n == 0:
		unix.Close(s.fd)
		r.closed++
		return nil
	}
	s.counts.bytes += int64(n)
	r.counts.bytes += int64(n)
	return r.cut(s, r.buffer[:kept+n])
}

// cut takes the whole frames off b and keeps the rest.
func (r *receiver) cut(s *socket, b []byte) error {
	now := time.Now()
	for {
		f, rest, ok, err := cutFrame(b)
		if err != nil {
			return err
		}
		if !ok {
			s.left = append(s.left[:0], rest...)
			if len(rest) == 0 && cap(s.left) > 4<<10 {
				s.left = nil // what idle sockets hold adds up
			}
			return nil
		}
		r.markOpen(s)
		d, err := r.frame(s, f, now)
		if err != nil {
			return err
		}
		s.counts.add(d)
		r.counts.add(d)
		b = rest
	}
}
