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
	maxAnswer  = 16 << 10 // bytes of a line that is read
	maxPause   = 30 * time.Second
	stopWithin = 10 * time.Second // after the end of its input
)

// supervise keeps a copy of the program running until ctx ends.
func (p *program) supervise(ctx context.Context) {
	pauses := &backoff.ExponentialBackOff{InitialInterval: time.Second, Multiplier: 2, RandomizationFactor: 0.5, MaxInterval: maxPause}
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
		p.log.Warn("the program is started again", "program", p.path, "error", err, "in", pause.Round(time.Millisecond))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// run runs one copy until it ends, has to be killed, or ctx ends. answered
// reports whether it has handled anything.
func (p *program) run(ctx context.Context) (answered bool, err error) {
	cmd := exec.Command(p.path, p.args...)
	cmd.Dir, cmd.Env = p.dir, environment()
	cmd.WaitDelay = time.Second // for what children of its own hold open
	in, err := cmd.StdinPipe()
	if err != nil {
		return false, err
	}
	says, answers := io.Pipe()
	errs, logs := io.Pipe()
	cmd.Stdout, cmd.Stderr = answers, logs
	tree, err := startTree(cmd)
	if err != nil {
		return false, err
	}
	lines, logged, ended := make(chan string), make(chan struct{}), make(chan error, 1)
	go readAnswers(says, lines)
	go func() { p.logLines(errs); close(logged) }()
	go func() {
		err := cmd.Wait()
		answers.Close()
		logs.Close()
		<-logged
		ended <- err
	}()
	defer func() { // whatever ended it, nothing of it stays
		in.Close()
		late := time.AfterFunc(stopWithin, tree.kill)
		if err != nil {
			tree.kill()
		}
		for range lines {
		}
		exit := <-ended
		late.Stop()
		tree.kill() // what it has started itself
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
				return answered, errors.New("it ended")
			}
			return answered, fmt.Errorf("it said %q when nothing was asked: what is no answer belongs on standard error", line)
		case j := <-p.work:
			verdict, err := p.ask(j, in, lines, tree.kill)
			j.answer <- verdict
			if err != nil {
				return answered, err
			}
			answered = true
		}
	}
}

// ask hands an event to the program and returns its verdict; an error is why
// the program cannot go on.
func (p *program) ask(j job, in io.Writer, lines <-chan string, kill func()) (verdict, err error) {
	answered, watched := make(chan struct{}), make(chan struct{})
	killed := false
	go func() {
		defer close(watched)
		select {
		case <-j.late:
			killed = true
			kill()
		case <-answered:
		}
	}()
	_, err = in.Write(j.line)
	line, ok := "", false
	if err == nil {
		line, ok = <-lines
	}
	close(answered)
	<-watched
	switch {
	case ok:
		return judge(line)
	case killed:
		err = errors.New("it took too long for an event and was killed")
	default:
		err = errors.New("it ended while it handled an event")
	}
	return fmt.Errorf("the program failed: %w", err), err
}

// judge reads an answer. err says that it is none.
func judge(line string) (verdict, err error) {
	word, reason, _ := strings.Cut(strings.TrimSpace(line), " ")
	if reason = strings.TrimSpace(reason); reason == "" {
		reason = "the program gives no reason"
	}
	switch word {
	case "ok":
		return nil, nil
	case "retry":
		return errors.New(reason), nil
	case "permanent":
		return broker.Permanent(errors.New(reason)), nil
	}
	err = fmt.Errorf("it answered %q: want ok, retry REASON or permanent REASON", line)
	return fmt.Errorf("the program failed: %w", err), err
}

// readAnswers sends the lines of what the program says, until it says no more.
func readAnswers(from *io.PipeReader, lines chan<- string) {
	defer close(lines)
	s := bufio.NewScanner(from)
	s.Buffer(nil, maxAnswer)
	for s.Scan() {
		lines <- s.Text()
	}
	if err := s.Err(); err != nil {
		lines <- err.Error() // no answer, and the end of it
	}
	from.CloseWithError(io.ErrClosedPipe)
}

// logLines logs what the program writes to standard error.
func (p *program) logLines(from io.Reader) {
	r := bufio.NewReaderSize(from, maxAnswer)
	for {
		line, _, err := r.ReadLine() // of a long one the rest is a line of its own
		if err != nil {
			return
		}
		p.log.Info("the program says", "line", string(line))
	}
}

// environment is matchwire's own without what is secret in it.
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
