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

// control acts on a server's commands, one a line, in order, until in ends. A
// reply comes when all events of the commands before it are handed over.
//
//	event JSON                          broadcasts one event
//	burst N [matches M] JSON            broadcasts N, as fast as the server takes them
//	pace N PER_SECOND [matches M] JSON  broadcasts N at that rate; replies: done
//	cpu                                 replies: cpu NANOSECONDS, used so far
//	memory                              collects garbage; replies: memory BYTES, resident
//	sockets                             replies: sockets N, connected now
//
// JSON is a template, see [stamper]. Event i since the start is of match
// m<i mod M>, of m0 without matches, and each match counts its own seq.
func control(in *bufio.Reader, out io.Writer, broadcast func([]byte) error) error {
	own, err := openSockets()
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
		reply, err := s.command(strings.TrimSpace(line), own)
		if err != nil {
			return fmt.Errorf("command %.40q: %w", line, err)
		}
		if reply != "" {
			fmt.Fprintln(out, reply)
		}
	}
}

func (s *source) command(line string, own int) (string, error) {
	words, template := line, ""
	if i := strings.IndexByte(line, '{'); i >= 0 {
		words, template = line[:i], line[i:]
	}
	f := strings.Fields(words)
	if len(f) == 0 {
		return "", errors.New("empty")
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
		return fmt.Sprintf("sockets %d", n-own), err
	}
	return "", errors.New("unknown")
}

// numbers reads n positive numbers and the one behind "matches", 1 without it.
func numbers(f []string, n int) ([]int, error) {
	if len(f) == n {
		f = append(f, "matches", "1")
	}
	if len(f) != n+2 || f[n] != "matches" {
		return nil, fmt.Errorf("want %d numbers, matches M and the template", n)
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

// A source makes the events.
type source struct {
	broadcast func([]byte) error
	template  string
	stamp     *stamper // of template
	sent      int64
	seq       map[string]int64 // the last of each match
}

// send broadcasts n events, perSecond of them a second; 0: without a pause.
// One that falls behind is not waited for: the next follow at once.
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
