// Package servers starts RabbitMQ and Redis for tests: private ones, on free
// ports of this machine, in folders of their own. They can be killed and
// started again on what they had stored.
package servers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// A Server is one server of the test's own. Its methods are for one goroutine.
type Server struct {
	URL string
	Dir string // all that it stores

	programs []string // the first there is runs
	args     []string
	env      []string
	answers  func() error // nil when it is up
	cleanup  func()

	cmd    *exec.Cmd
	exited chan struct{}
}

const (
	startTimeout = 90 * time.Second
	stopTimeout  = 20 * time.Second
)

// Start runs the server, on what it stored before, and returns once it answers.
func (s *Server) Start() error {
	program := ""
	for _, p := range s.programs {
		if path, err := exec.LookPath(p); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		return fmt.Errorf("none of %v is installed", s.programs)
	}
	out, err := os.OpenFile(filepath.Join(s.Dir, "output"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	s.cmd = exec.Command(program, s.args...)
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = append(os.Environ(), s.env...), out, out
	ownGroup(s.cmd) // no Ctrl-C, and its children end with it
	if err := s.cmd.Start(); err != nil {
		return err
	}
	cmd, exited := s.cmd, make(chan struct{})
	s.exited = exited
	go func() { _ = cmd.Wait(); close(exited) }()
	var last error
	for end := time.Now().Add(startTimeout); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		select {
		case <-exited:
			said, _ := os.ReadFile(out.Name())
			return fmt.Errorf("it exited: %s", said[max(0, len(said)-500):])
		default:
		}
		if last = s.answers(); last == nil {
			return nil
		}
	}
	s.Kill()
	return fmt.Errorf("no answer in %v: %w", startTimeout, last)
}

// Kill ends the server as a crash would: kill -9, to all its processes.
func (s *Server) Kill() { s.end(killGroup) }

// end ends the server by a signal, or by force if that takes too long.
func (s *Server) end(signal func(*exec.Cmd)) {
	if s.cmd == nil {
		return
	}
	signal(s.cmd)
	select {
	case <-s.exited:
	case <-time.After(stopTimeout):
		killGroup(s.cmd)
		<-s.exited
	}
	s.cmd = nil
}

// Stop ends the server for good and removes what it stored.
func (s *Server) Stop() {
	s.end(stopGroup)
	if s.cleanup != nil {
		s.cleanup()
	}
	os.RemoveAll(s.Dir)
}

// started starts a server for the first time.
func started(s *Server) (*Server, error) {
	if err := s.Start(); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// ports holds those that were given out and may not be listened on yet.
var ports struct {
	sync.Mutex
	given map[int]bool
}

// FreePort finds a port of this machine that nobody listens on, and that no
// other call has given out. It lies below those that systems give to outgoing
// connections: one of those may take a port before the server does.
func FreePort() (int, error) {
	ports.Lock()
	defer ports.Unlock()
	for range 100 {
		port := 15_000 + rand.IntN(15_000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		l.Close()
		if !ports.given[port] {
			if ports.given == nil {
				ports.given = map[int]bool{}
			}
			ports.given[port] = true
			return port, nil
		}
	}
	return 0, errors.New("no free port")
}
