// With-servers runs a command with a RabbitMQ and a Redis server to test
// against: those that AMQP_URL and REDIS_URL name, else private ones on free
// ports that end with the command. What is not installed it installs where it
// can without asking (root on Debian); otherwise the command runs without and
// the tests that need it are left out, which is said before and after.
//
//	go run ./internal/testenv/with-servers go test -race ./...
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/internal/testenv/servers"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: with-servers COMMAND [ARGUMENT…]")
		os.Exit(2)
	}
	os.Exit(run(os.Args[1:]))
}

// private are the servers that a command gets.
var private = []struct {
	name, env string
	programs  []string
	start     func() (*servers.Server, error)
}{
	{"RabbitMQ", "AMQP_URL", servers.RabbitPrograms, func() (*servers.Server, error) {
		r, err := servers.NewRabbit()
		if err != nil {
			return nil, err
		}
		return r.Server, nil
	}},
	{"Redis", "REDIS_URL", servers.RedisPrograms, servers.Redis},
}

func run(command []string) int {
	leftOut := install()
	if os.Getenv(testenv.Require) == "1" && len(leftOut) > 0 {
		warn(leftOut)
		return 1
	}
	env := os.Environ()
	for _, s := range private {
		if os.Getenv(s.env) != "" {
			fmt.Fprintf(os.Stderr, "with-servers: %s from the environment\n", s.env)
			continue
		}
		if !found(s.programs) {
			continue // install has said so
		}
		server, err := s.start()
		if err != nil {
			leftOut = append(leftOut, fmt.Sprintf("%s does not start: %v", s.name, err))
			continue
		}
		defer server.Stop()
		fmt.Fprintf(os.Stderr, "with-servers: private %s on %s\n", s.name, server.URL)
		env = append(env, s.env+"="+server.URL)
	}
	warn(leftOut)
	if len(leftOut) > 0 && os.Getenv(testenv.Require) == "1" {
		return 1
	}

	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "with-servers:", err)
		return 1
	}
	// The servers must outlive the command. A Ctrl-C reaches it by itself.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		for s := range signals {
			if s == syscall.SIGTERM {
				_ = cmd.Process.Signal(s)
			}
		}
	}()
	err := cmd.Wait()
	warn(leftOut)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	default:
		fmt.Fprintln(os.Stderr, "with-servers:", err)
		return 1
	}
}

func warn(leftOut []string) {
	if len(leftOut) == 0 {
		return
	}
	line := strings.Repeat("!", 72)
	fmt.Fprintln(os.Stderr, line)
	for _, l := range leftOut {
		fmt.Fprintln(os.Stderr, "! LEFT OUT:", l)
	}
	fmt.Fprintln(os.Stderr, line)
}
