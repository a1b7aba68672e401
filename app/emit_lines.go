package app

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/terminal"
)

const (
	maxFacts = 1 << 20 // maximum size of a line, and of all lines of a batch together, in bytes
	maxBatch = 500     // maximum number of lines in a batch
)

// A lineEmitter emits an event for each line of standard input that is not blank. It publishes the
// lines in batches. It does not wait for further lines to fill a batch.
type lineEmitter struct {
	*emitter
	*console
	publisher broker.Publisher
	tid       event.TID

	bar    *terminal.Progress
	lines  int // number of lines read
	failed int // number of lines that are invalid or whose event is not confirmed
}

// run emits events until standard input ends or cannot be read, an event cannot be published or
// printed, or ctx ends.
func (l *lineEmitter) run(ctx context.Context) error {
	l.bar = terminal.NewProgress(l.err, "event", 0)
	defer l.bar.End()
	reading, stop := context.WithCancel(ctx)
	defer stop()
	batches := readBatches(reading, l.in)
	for {
		select {
		case <-ctx.Done():
			return l.stopped(interrupted(ctx, ctx.Err()))
		case b := <-batches:
			if err := l.emit(ctx, b.lines); err != nil {
				return l.stopped(interrupted(ctx, err))
			}
			switch {
			case errors.Is(b.err, io.EOF) && l.failed > 0:
				return fmt.Errorf("%d of %d lines failed", l.failed, l.lines)
			case errors.Is(b.err, io.EOF):
				return nil
			case b.err != nil:
				return fmt.Errorf("line %d: %w", l.lines+1, b.err)
			}
		}
	}
}

// stopped returns the error for a run that stopped before the end of standard input.
func (l *lineEmitter) stopped(err error) error {
	return fmt.Errorf("stopped before line %d, %d of %d lines failed: %w", l.lines+1, l.failed, l.lines, err)
}

// emit publishes the events of a batch of lines, and prints the confirmed events. It reports invalid
// lines. If not all events are confirmed, it reports each unconfirmed event and returns the error. If
// an event cannot be printed, emit does the same, and prints no further event.
func (l *lineEmitter) emit(ctx context.Context, lines []line) error {
	var events []event.Event
	var msgs []broker.Message
	var numbers []int
	for _, in := range lines {
		l.lines++
		if in.err == nil && len(bytes.TrimSpace(in.text)) == 0 {
			continue
		}
		ev, m, err := event.Event{}, broker.Message{}, in.err
		if err == nil {
			ev, m, err = l.event(in.text, l.tid)
		}
		if err != nil {
			l.fail(l.lines, err)
			continue
		}
		events, msgs, numbers = append(events, ev), append(msgs, m), append(numbers, l.lines)
	}
	if len(msgs) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	n, err := l.publisher.Publish(ctx, msgs...)
	if terminal.File(l.out) != nil {
		l.bar.Clear()
	}
	for i, ev := range events[:n] {
		if notPrinted := l.print(l.out, ev); notPrinted != nil {
			err = errors.Join(fmt.Errorf("line %d: the event is published, but cannot be printed: %w",
				numbers[i], notPrinted), err)
			break
		}
	}
	for range n {
		l.bar.Step("")
	}
	for i, ev := range events[n:] {
		l.fail(numbers[n+i], fmt.Errorf("event %s is not confirmed", ev.ID))
	}
	return err
}

func (l *lineEmitter) fail(number int, err error) {
	l.failed++
	l.bar.Clear()
	fmt.Fprintf(terminal.NewWriter(l.err), "matchwire: line %d: %v\n", number, err)
}

// A line is a line of standard input.
type line struct {
	text []byte
	err  error // why the line cannot be read, for example because it is too long
}

// A lineBatch contains lines that arrived together.
type lineBatch struct {
	lines []line
	err   error // why no further lines follow: io.EOF, or an error of the reader
}

// readBatches starts a goroutine that reads lines from in, and sends them in batches to the
// returned channel. The goroutine ends after a batch with an error. If ctx ends, it ends after the
// current read, because a read from a terminal cannot be interrupted.
func readBatches(ctx context.Context, in io.Reader) <-chan lineBatch {
	batches := make(chan lineBatch)
	go func() {
		r := bufio.NewReaderSize(in, maxFacts)
		for {
			b := readBatch(r)
			select {
			case batches <- b:
			case <-ctx.Done():
				return
			}
			if b.err != nil {
				return
			}
		}
	}()
	return batches
}

// readBatch waits for a line. It returns the line and the complete lines after it that r has already
// buffered, at most maxBatch lines in total.
func readBatch(r *bufio.Reader) (b lineBatch) {
	for b.err == nil && len(b.lines) < maxBatch {
		if len(b.lines) > 0 {
			buffered, _ := r.Peek(r.Buffered())
			if !bytes.Contains(buffered, []byte{'\n'}) {
				return b
			}
		}
		text, err := r.ReadSlice('\n')
		l := line{text: bytes.Clone(text)}
		for errors.Is(err, bufio.ErrBufferFull) { // skip the rest of the line
			l = line{err: fmt.Errorf("longer than %d bytes", maxFacts)}
			_, err = r.ReadSlice('\n')
		}
		b.err = err
		if err == nil || len(l.text) > 0 || l.err != nil {
			b.lines = append(b.lines, l)
		}
	}
	return b
}
