// With-servers runs a command with a RabbitMQ and a Redis server for tests.
//
//	go run ./internal/testenv/with-servers go test -race ./...
//
// It uses the servers that AMQP_URL and REDIS_URL name. If a variable is not set, it starts a
// private server on a free port, and stops the server when the command has exited.
//
// As root on Debian it installs missing programs. On other systems the tests that need a missing
// program are skipped. With-servers warns about skipped tests before and after the command.
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

// private lists the servers that with-servers can start.
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
	{"Redis", "REDIS_URL", servers.RedisPrograms, func() (*servers.Server, error) { return servers.Redis() }},
}

// run runs the command and returns its exit code. If MATCHWIRE_REQUIRE_SERVERS is 1, and a program is
// missing or a server does not start, run returns 1 without running the command.
func run(command []string) int {
	skipped := install()
	if os.Getenv(testenv.Require) == "1" && len(skipped) > 0 {
		warn(skipped)
		return 1
	}
	env := os.Environ()
	for _, s := range private {
		if os.Getenv(s.env) != "" {
			fmt.Fprintf(os.Stderr, "with-servers: using the server that %s names\n", s.env)
			continue
		}
		if !found(s.programs) {
			continue // install has reported the missing program
		}
		server, err := s.start()
		if err != nil {
			skipped = append(skipped, fmt.Sprintf("%s does not start: %v", s.name, err))
			continue
		}
		defer server.Stop()
		fmt.Fprintf(os.Stderr, "with-servers: started a private %s at %s\n", s.name, server.URL)
		env = append(env, s.env+"="+server.URL)
	}
	warn(skipped)
	if len(skipped) > 0 && os.Getenv(testenv.Require) == "1" {
		return 1
	}

	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "with-servers:", err)
		return 1
	}
	// The servers must outlive the command, so no signal ends with-servers. Ctrl-C reaches the command
	// directly. With-servers passes SIGTERM on to the command.
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
	warn(skipped)
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

// warn prints a line for each reason to skip tests.
func warn(skipped []string) {
	if len(skipped) == 0 {
		return
	}
	line := strings.Repeat("!", 72)
	fmt.Fprintln(os.Stderr, line)
	for _, s := range skipped {
		fmt.Fprintln(os.Stderr, "! TESTS SKIPPED:", s)
	}
	fmt.Fprintln(os.Stderr, line)
}
