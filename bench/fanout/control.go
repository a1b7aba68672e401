package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// control runs the commands for a server until in ends or a command fails. It reads one command per
// line and runs the commands in order. It passes the events of a command to the server before it
// runs the next command. The commands are:
//
//	event JSON                          broadcast one event
//	burst N [matches M] JSON            broadcast N events as fast as possible
//	pace N PER_SECOND [matches M] JSON  broadcast N events at this rate; reply: done
//	cpu                                 reply: cpu NANOSECONDS, the CPU time used so far
//	memory                              collect garbage; reply: memory BYTES, the resident memory
//	sockets                             reply: sockets N, the number of connected sockets
//
// JSON is the template for a [stamper]. The events of all commands together are numbered from 0.
// Event i belongs to match m<i mod M>, or to m0 if the command has no matches. Each match has its
// own seq.
func control(in *bufio.Reader, out io.Writer, broadcast func([]byte) error) error {
	before, err := openSockets()
	if err != nil {
		return err
	}
	s := source{broadcast: broadcast, seq: map[string]int64{}}
	for {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		reply, err := s.command(strings.TrimSpace(line), before)
		if err != nil {
			return fmt.Errorf("running %.40q: %w", line, err)
		}
		if reply != "" {
			fmt.Fprintln(out, reply)
		}
	}
}

// command runs one command and returns its reply, or "". before is the number of sockets at the
// start.
func (s *source) command(line string, before int) (string, error) {
	command, template := line, ""
	if i := strings.IndexByte(line, '{'); i >= 0 {
		command, template = line[:i], line[i:]
	}
	f := strings.Fields(command)
	if len(f) == 0 {
		return "", errors.New("empty command")
	}
	switch f[0] {
	case "event":
		return "", s.send(1, 0, 1, template)
	case "burst":
		n, err := numbers(f[1:], 1)
		if err != nil {
			return "", err
		}
		return "", s.send(n[0], 0, n[1], template)
	case "pace":
		n, err := numbers(f[1:], 2)
		if err != nil {
			return "", err
		}
		return "done", s.send(n[0], n[1], n[2], template)
	case "cpu":
		used, err := cpuTime()
		return fmt.Sprintf("cpu %d", used.Nanoseconds()), err
	case "memory":
		debug.FreeOSMemory()
		n, err := residentBytes()
		return fmt.Sprintf("memory %d", n), err
	case "sockets":
		n, err := openSockets()
		return fmt.Sprintf("sockets %d", n-before), err
	}
	return "", errors.New("unknown command")
}

// numbers parses n positive numbers and the optional number after "matches". That number defaults
// to 1.
func numbers(f []string, n int) ([]int, error) {
	if len(f) == n {
		f = append(f, "matches", "1")
	}
	if len(f) != n+2 || f[n] != "matches" {
		return nil, fmt.Errorf("want %d numbers, optionally matches M, and the template", n)
	}
	var all []int
	for _, text := range append(f[:n:n], f[n+1]) {
		v, err := strconv.Atoi(text)
		if err != nil || v < 1 {
			return nil, fmt.Errorf("%q: want a positive number", text)
		}
		all = append(all, v)
	}
	return all, nil
}

// A source creates and broadcasts events.
type source struct {
	broadcast func([]byte) error
	template  string
	stamp     *stamper         // stamper for template
	sent      int64            // number of events created so far
	seq       map[string]int64 // key: match ID; value: the last seq
}

// send broadcasts n events at a rate of perSecond, or without pauses if perSecond is 0. If send
// falls behind this rate, it sends events without pauses until it has caught up.
func (s *source) send(n, perSecond, matches int, template string) error {
	if s.stamp == nil || s.template != template {
		stamp, err := newStamper([]byte(template))
		if err != nil {
			return err
		}
		s.template, s.stamp = template, stamp
	}
	began := time.Now()
	for i := range n {
		if perSecond > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(perSecond))))
		}
		match := "m" + strconv.FormatInt(s.sent%int64(matches), 10)
		s.sent++
		s.seq[match]++
		if err := s.broadcast(s.stamp.event(s.sent, match, s.seq[match], time.Now())); err != nil {
			return fmt.Errorf("event %d: %w", s.sent, err)
		}
	}
	return nil
}
