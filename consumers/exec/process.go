package exec

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/matchwire/matchwire/broker"
)

const (
	maxLine     = 16 << 10 // bytes of one line of the program's output
	minPause    = time.Second
	maxPause    = 30 * time.Second
	stopTimeout = 10 * time.Second // for the program to exit after the end of its input
)

// supervise runs a copy of the program, again and again, until ctx ends.
func (p *program) supervise(ctx context.Context) {
	pauses := &backoff.ExponentialBackOff{
		InitialInterval: minPause, Multiplier: 2, RandomizationFactor: 0.5, MaxInterval: maxPause,
	}
	pauses.Reset()
	for {
		answered, err := p.run(ctx)
		if ctx.Err() != nil {
			return
		}
		if answered {
			pauses.Reset()
		}
		pause := pauses.NextBackOff()
		p.log.Warn("program failed, starting it again",
			"program", p.path, "error", err, "pause", pause.Round(time.Millisecond))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// run runs one copy of the program until it exits, must be killed, or ctx ends. Then no process of
// it is left. answered reports whether the copy gave a valid answer.
func (p *program) run(ctx context.Context) (answered bool, err error) {
	cmd := exec.Command(p.path, p.args...)
	cmd.Dir, cmd.Env = p.dir, environment()
	cmd.WaitDelay = time.Second // children of the program may hold its output open
	in, err := cmd.StdinPipe()
	if err != nil {
		return false, err
	}
	stdout, outWriter := io.Pipe()
	stderr, errWriter := io.Pipe()
	cmd.Stdout, cmd.Stderr = outWriter, errWriter
	tree, err := startTree(cmd)
	if err != nil {
		return false, err
	}
	lines, logged, exited := make(chan string), make(chan struct{}), make(chan error, 1)
	go readLines(stdout, lines)
	go func() { p.logLines(stderr); close(logged) }()
	go func() {
		err := cmd.Wait()
		outWriter.Close()
		errWriter.Close()
		<-logged
		exited <- err
	}()
	defer func() {
		in.Close()
		timeout := time.AfterFunc(stopTimeout, tree.kill)
		if err != nil {
			tree.kill()
		}
		for range lines {
		}
		exit := <-exited
		timeout.Stop()
		tree.kill() // its children
		tree.close()
		if err != nil && exit != nil {
			err = fmt.Errorf("%w (%w)", err, exit)
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return answered, nil
		case line, ok := <-lines:
			if !ok {
				return answered, errors.New("the program exited")
			}
			return answered, fmt.Errorf("the program printed %q without an event: standard output is for answers", line)
		case r := <-p.requests:
			outcome, err := p.ask(r, in, lines, tree.kill)
			r.answer <- outcome
			if err != nil {
				return answered, err
			}
			answered = true
		}
	}
}

// ask sends an event to the program and returns the outcome for the event. If the program must be
// started again, err says why.
func (p *program) ask(r request, in io.Writer, lines <-chan string, kill func()) (outcome, err error) {
	answered, watched := make(chan struct{}), make(chan struct{})
	killed := false
	go func() {
		defer close(watched)
		select {
		case <-r.expired:
			killed = true
			kill()
		case <-answered:
		}
	}()
	_, err = in.Write(r.line)
	line, ok := "", false
	if err == nil {
		line, ok = <-lines
	}
	close(answered)
	<-watched
	switch {
	case ok:
		return parseAnswer(line)
	case killed:
		err = errors.New("the program took too long for an event and was killed")
	default:
		err = errors.New("the program exited while it handled an event")
	}
	return err, err
}

// parseAnswer returns the outcome that an answer gives an event. If the line is not an answer, both
// results are an error.
func parseAnswer(line string) (outcome, err error) {
	word, reason, _ := strings.Cut(strings.TrimSpace(line), " ")
	if reason = strings.TrimSpace(reason); reason == "" {
		reason = "the program gave no reason"
	}
	switch word {
	case "ok":
		return nil, nil
	case "retry":
		return errors.New(reason), nil
	case "permanent":
		return broker.Permanent(errors.New(reason)), nil
	}
	err = fmt.Errorf("the program answered %q: want ok, retry REASON or permanent REASON", line)
	return err, err
}

// readLines sends the lines of the program's standard output, and closes lines at its end. A line
// that is too long ends the output.
func readLines(stdout *io.PipeReader, lines chan<- string) {
	defer close(lines)
	s := bufio.NewScanner(stdout)
	s.Buffer(nil, maxLine)
	for s.Scan() {
		lines <- s.Text()
	}
	if err := s.Err(); err != nil {
		lines <- err.Error() // it is not a valid answer, so the program is killed
	}
	stdout.CloseWithError(io.ErrClosedPipe)
}

// logLines logs the lines of the program's standard error. It splits lines that are too long.
func (p *program) logLines(stderr io.Reader) {
	r := bufio.NewReaderSize(stderr, maxLine)
	for {
		line, _, err := r.ReadLine()
		if err != nil {
			return
		}
		p.log.Info("program wrote to standard error", "line", string(line))
	}
}

// environment returns matchwire's own environment without its secrets.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		switch strings.TrimSuffix(name, "_FILE") {
		case "AMQP_URL", "REDIS_URL", "MATCHWIRE_API_TOKEN":
			return true
		}
		return strings.HasPrefix(name, "OTEL_EXPORTER_OTLP_") && strings.HasSuffix(name, "HEADERS")
	})
}
