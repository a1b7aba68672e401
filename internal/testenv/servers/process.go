// Package servers starts private RabbitMQ and Redis servers for tests. Each server listens on a free
// port of the loopback interface and stores its data in a temporary folder. A test can kill a server
// and restart it with the same data.
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

// A Server is a private server. Its methods must not be called concurrently.
type Server struct {
	URL string
	Dir string // folder for its data and output

	programs []string // possible names of the program; the first installed program runs
	args     []string
	env      []string
	responds func() error // returns nil if the server responds
	cleanup  func()       // called by Stop; may be nil

	cmd    *exec.Cmd
	exited chan struct{}
}

const (
	startTimeout = 4 * time.Minute
	stopTimeout  = 20 * time.Second
)

// Start starts the server with the data in Dir, and waits until the server responds. It returns an
// error if the server exits, or if it does not respond within 90 seconds.
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
	ownGroup(s.cmd) // so that Ctrl-C does not reach the server, and Kill also kills its child processes
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
			output, _ := os.ReadFile(out.Name())
			return fmt.Errorf("the server exited: %s", output[max(0, len(output)-500):])
		default:
		}
		if last = s.responds(); last == nil {
			return nil
		}
	}
	s.Kill()
	return fmt.Errorf("the server did not respond within %v: %w", startTimeout, last)
}

// Kill kills all processes of the server, as a crash would.
func (s *Server) Kill() { s.end(killGroup) }

// Freeze stops the execution of all processes of the server. They keep their connections, but answer
// nothing until Kill or Stop ends them.
func (s *Server) Freeze() { freezeGroup(s.cmd) }

// end sends a signal to the server and waits until the server has exited. After stopTimeout it kills
// the server.
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

// Stop stops the server and removes its data.
func (s *Server) Stop() {
	s.end(stopGroup)
	if s.cleanup != nil {
		s.cleanup()
	}
	os.RemoveAll(s.Dir)
}

// started starts s and returns it. If s does not start, started removes its data.
func started(s *Server) (*Server, error) {
	if err := s.Start(); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// ports records the ports that FreePort has returned. Their servers may not be listening yet.
var ports struct {
	sync.Mutex
	issued map[int]bool
}

// FreePort returns a port of the loopback interface on which no program listens. In a process, it
// returns each port only once. The port is below the range for outgoing connections, so no outgoing
// connection can use it before the server listens.
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
		if !ports.issued[port] {
			if ports.issued == nil {
				ports.issued = map[int]bool{}
			}
			ports.issued[port] = true
			return port, nil
		}
	}
	return 0, errors.New("no free port")
}
