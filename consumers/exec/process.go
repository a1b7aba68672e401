package exec

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/matchwire/matchwire/broker"
)

const (
	maxLine     = 16 << 10         // maximum size of a line of the program's output, in bytes
	minPause    = time.Second      // first pause before a restart; jitter changes it by up to half
	maxPause    = 30 * time.Second // maximum pause before a restart, without jitter
	stopTimeout = 10 * time.Second // how long the program may run after the end of its input
)

// supervise runs a copy of the program until ctx ends. If the copy fails, supervise starts it again
// after a pause. The pause doubles with each failure, up to maxPause, until a copy gives a valid answer.
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

// run runs one copy of the program until the copy exits, fails or must stop because ctx ends. When run
// returns, all processes of the copy have been killed. answered reports whether the copy gave a valid
// answer.
func (p *program) run(ctx context.Context) (answered bool, err error) {
	cmd := exec.Command(p.path, p.args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	cmd.WaitDelay = time.Second // children of the program may keep its output open
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
	lines, logged, exited := make(chan outputLine), make(chan struct{}), make(chan error, 1)
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
		tree.kill() // the children of the program
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
			switch {
			case !ok:
				return answered, errors.New("the program exited")
			case line.err != nil:
				return answered, line.err
			}
			return answered, fmt.Errorf(
				"the program printed %q while it had no event: standard output is only for answers, so log to standard error",
				line.text)
		case r := <-p.requests:
			outcome, err := p.send(r, in, lines, tree.kill)
			r.outcome <- outcome
			if err != nil {
				return answered, err
			}
			answered = true
		}
	}
}

// send sends an event to the program and returns the outcome of the event. err is not nil if the
// program must be started again.
func (p *program) send(r request, in io.Writer, lines <-chan outputLine, kill func()) (outcome, err error) {
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
	line, ok := outputLine{}, false
	if err == nil {
		line, ok = <-lines
	}
	close(answered)
	<-watched
	switch {
	case ok && line.err != nil:
		err = line.err
	case ok:
		return parseAnswer(line.text)
	case killed:
		err = errors.New("the program took too long to handle an event and was killed")
	default:
		err = errors.New("the program exited while it handled an event")
	}
	return err, err
}

// parseAnswer parses an answer and returns the outcome of the event. If the line is not an answer, both
// results are errors.
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

// An outputLine is a line of the program's standard output.
type outputLine struct {
	text string
	err  error // why the line cannot be read, for example because it is too long
}

// readLines sends each line of the program's standard output to lines, and closes lines at the end
// of the output. After a line that cannot be read, readLines sends no more lines.
func readLines(stdout *io.PipeReader, lines chan<- outputLine) {
	defer close(lines)
	s := bufio.NewScanner(stdout)
	s.Buffer(nil, maxLine)
	for s.Scan() {
		lines <- outputLine{text: s.Text()}
	}
	switch err := s.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		lines <- outputLine{err: fmt.Errorf("the program printed a line longer than %d KiB", maxLine>>10)}
	case err != nil:
		lines <- outputLine{err: fmt.Errorf("reading the output of the program: %w", err)}
	}
	stdout.CloseWithError(io.ErrClosedPipe)
}

// logLines logs each line of the program's standard error. It splits lines longer than maxLine.
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
