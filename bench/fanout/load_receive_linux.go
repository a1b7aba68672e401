package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// counts holds the numbers of frames, publications and bytes received.
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
	idle   bool   // whether the process never reads from the socket
	open   bool   // whether the socket counts as connected
	rest   []byte // bytes that are received but not handled, such as the beginning of a frame
	seq    int64  // seq of the last event; 0 before the first
	counts counts
}

// A receiver reads from all sockets in one loop with one buffer. A goroutine and a buffer for each
// socket would use more CPU than the servers.
type receiver struct {
	options loadOptions
	epoll   int
	opened  chan *socket // receives each socket after its handshake
	failed  chan error   // receives the first failure to connect
	sockets []*socket
	buffer  []byte

	connected  int // number of connected sockets
	counts     counts
	latency    histogram
	gaps       int64 // number of missed events
	duplicates int64 // number of events that were repeated or out of order
	closed     int   // number of sockets that ended
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

// run reads from the sockets that are open, and runs the commands, until lines is closed or an error
// occurs.
func (r *receiver) run(lines <-chan string) error {
	began := time.Now()
	commands := lines
	var wait *waitCommand
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
		case time.Now().After(wait.deadline):
			fmt.Fprintf(os.Stderr, "load: received %d of %d publications, %d sockets ended\n",
				r.counts.publications, wait.publications, r.closed)
			fmt.Println("timeout", r.counts.publications)
			wait, commands = nil, lines
		}
		select {
		case s := <-r.opened:
			if err := r.add(s); err != nil {
				return err
			}
		case err := <-r.failed:
			return err
		case line, ok := <-commands:
			if !ok {
				return nil
			}
			if w, ok := parseWait(line); ok {
				wait, commands = &w, nil // runs no other command before the reply
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

// add starts to read from a socket after its handshake, unless the socket is idle.
func (r *receiver) add(s *socket) error {
	r.sockets = append(r.sockets, s)
	if s.idle || !r.options.byFrame {
		r.markOpen(s)
	}
	if s.idle {
		return nil
	}
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(len(r.sockets) - 1)} // the kernel does not interpret Fd
	if err := unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, s.fd, &e); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return r.handleFrames(s, append([]byte(nil), s.rest...)) // the bytes that arrived with the handshake response
}

func (r *receiver) markOpen(s *socket) {
	if !s.open {
		s.open = true
		r.connected++
	}
}

// read waits up to 2 ms for readable sockets, and reads once from each.
func (r *receiver) read(ready []unix.EpollEvent) error {
	timeout := 2 // ms; short, because run handles no commands during the wait
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
	if len(s.rest) > len(r.buffer)/2 {
		r.buffer = make([]byte, 2*len(r.buffer))
	}
	kept := copy(r.buffer, s.rest)
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
	return r.handleFrames(s, r.buffer[:kept+n])
}

// handleFrames handles the complete frames in b. It saves the rest for the next read.
func (r *receiver) handleFrames(s *socket, b []byte) error {
	now := time.Now()
	for {
		f, rest, ok, err := cutFrame(b)
		if err != nil {
			return err
		}
		if !ok {
			s.rest = append(s.rest[:0], rest...)
			if len(rest) == 0 && cap(s.rest) > 4<<10 {
				s.rest = nil // saves memory with many sockets
			}
			return nil
		}
		r.markOpen(s)
		d, err := r.handleFrame(s, f, now)
		if err != nil {
			return err
		}
		s.counts.add(d)
		r.counts.add(d)
		b = rest
	}
}
