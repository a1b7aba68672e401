package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// replyTimeout is the maximum time that the runner waits for a reply. It is longer than waitTimeout.
const replyTimeout = 90 * time.Second

// A process is a serve or load process of this program.
type process struct {
	name  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string // lines of its standard output; closed when the output ends
}

// start starts this program with args.
func start(args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{
		name:  strings.Join(args[:min(2, len(args))], " "),
		cmd:   exec.Command(self, args...),
		lines: make(chan string, 16),
	}
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	go func() { // ends with the process
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
		close(p.lines)
	}()
	return p, nil
}

// stop closes the standard input of the process and waits until the process ends. If it does not end
// within 10 s, stop kills the process.
func (p *process) stop() {
	p.in.Close()
	kill := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	for range p.lines { // so that the process does not block on a reply
	}
	_ = p.cmd.Wait()
}

// send writes a command to the standard input of the process.
func (p *process) send(format string, args ...any) error {
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// readReply reads a reply and returns its fields after the first. It returns an error if the first
// field is not name.
func (p *process) readReply(name string) ([]string, error) {
	timeout := time.NewTimer(replyTimeout)
	defer timeout.Stop()
	select {
	case line, ok := <-p.lines:
		f := strings.Fields(line)
		switch {
		case !ok:
			return nil, fmt.Errorf("%s ended, see its output above", p.name)
		case len(f) == 0 || f[0] != name:
			return nil, fmt.Errorf("%s replied %q, want %s", p.name, line, name)
		}
		return f[1:], nil
	case <-timeout.C:
		return nil, fmt.Errorf("%s did not reply %s within %v", p.name, name, replyTimeout)
	}
}

// call sends a command and returns the n numbers in its reply. The reply begins with the name of
// the command, or with "got" for wait.
func (p *process) call(n int, command string) ([]float64, error) {
	if err := p.send("%s", command); err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(command, " ")
	if name == "wait" {
		name = "got"
	}
	f, err := p.readReply(name)
	if err != nil {
		return nil, err
	}
	if len(f) != n {
		return nil, fmt.Errorf("%s replied %v to %q, want %d numbers", p.name, f, command, n)
	}
	numbers := make([]float64, n)
	for i := range f {
		if numbers[i], err = strconv.ParseFloat(f[i], 64); err != nil {
			return nil, fmt.Errorf("%s replied %v to %q: %w", p.name, f, command, err)
		}
	}
	return numbers, nil
}
