package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopTimeout is the time after which a process that does not stop is killed.
const stopTimeout = 30 * time.Second

// A process is matchwire run with one role, or with all roles.
type process struct {
	role    string // "all" if it has all roles
	address string // host:port of its HTTP server

	cmd    *exec.Cmd
	logged chan struct{} // closed at the end of its log

	mu     sync.Mutex
	latest []string // the last lines of its log
}

// latestLines is the number of lines of a log that an error contains.
const latestLines = 20

// start starts a process and waits until it serves. The process stops when ctx ends; call wait then.
//
// If this process dies, the other one dies too, when it writes the next line of its log to the closed pipe.
func start(ctx context.Context, program, role string, env, args []string) (*process, error) {
	p := &process{role: role, cmd: exec.CommandContext(ctx, program, args...), logged: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Cancel = func() error {
		if p.cmd.Process.Signal(syscall.SIGTERM) == nil {
			return nil
		}
		return p.cmd.Process.Kill() // on Windows
	}
	p.cmd.WaitDelay = stopTimeout
	log, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	serving := make(chan string, 1)
	go p.follow(log, serving)
	select {
	case p.address = <-serving:
		return p, nil
	case <-p.logged:
	case <-ctx.Done():
	}
	_ = p.cmd.Process.Kill()
	p.wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, fmt.Errorf("matchwire run %s has ended:\n%s", role, strings.Join(p.latest, "\n"))
}

// follow reads the log of the process, and sends the address at which it serves.
func (p *process) follow(log io.Reader, serving chan<- string) {
	defer close(p.logged)
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	found := false
	for lines.Scan() {
		p.mu.Lock()
		p.latest = append(p.latest, lines.Text())
		p.latest = p.latest[max(0, len(p.latest)-latestLines):]
		p.mu.Unlock()
		var line struct{ Msg, Address string }
		if !found && json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
			found = true
			serving <- line.Address
		}
	}
	_, _ = io.Copy(io.Discard, log) // after a line that is too long
}

// wait waits until the process has ended.
func (p *process) wait() {
	<-p.logged
	_ = p.cmd.Wait() // the exit code after SIGTERM says nothing about the measurement
}
