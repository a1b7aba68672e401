package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/event"
)

// A batchRecorder is a [broker.Publisher] that records the players in the batches that it receives.
// It confirms at most limit events in total.
type batchRecorder struct {
	batches [][]string
	limit   int
}

var errDown = errors.New("the broker is down")

func (r *batchRecorder) Publish(_ context.Context, msgs ...broker.Message) (int, error) {
	var players []string
	for _, m := range msgs {
		e, err := event.Decode(m.Body)
		if err != nil {
			return 0, err
		}
		players = append(players, e.Data.Player)
	}
	r.batches = append(r.batches, players)
	confirmed := min(r.limit, len(msgs))
	r.limit -= confirmed
	if confirmed < len(msgs) {
		return confirmed, errDown
	}
	return confirmed, nil
}

// emitFrom emits the lines of in through p.
func emitFrom(t *testing.T, in io.Reader, p broker.Publisher) (out, errs string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	l := &lineEmitter{
		emitter:   &emitter{key: "soccer.mls.goal", timeout: time.Minute},
		console:   &console{program: program{in: in, out: &o, err: &e}},
		publisher: p, tid: event.NewTID(),
	}
	err = l.run(t.Context())
	return o.String(), e.String(), err
}

func numberedLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"player\":\"P%d\"}\n", i+1)
	}
	return b.String()
}

func TestEmitPublishesLinesInBatches(t *testing.T) {
	p := &batchRecorder{limit: 1 << 20}
	out, errs, err := emitFrom(t, strings.NewReader(numberedLines(2000)), p)
	if err != nil || errs != "" || strings.Count(out, " id=") != 2000 {
		t.Fatalf("error %v, %d events printed\n%s\nwant 2000 events and no error", err, strings.Count(out, " id="), errs)
	}
	players := slices.Concat(p.batches...)
	for i, got := range players {
		if want := fmt.Sprintf("P%d", i+1); got != want {
			t.Fatalf("event %d is %s, want %s", i+1, got, want)
		}
	}
	if len(players) != 2000 || len(p.batches) > 20 {
		t.Errorf("%d events in %d batches, want 2000 in at most 20", len(players), len(p.batches))
	}
	for _, b := range p.batches {
		if len(b) > maxBatch {
			t.Errorf("a batch has %d events, want at most %d", len(b), maxBatch)
		}
	}
}

// emit publishes an event without waiting for the line after it.
func TestEmitDoesNotWaitForAFullBatch(t *testing.T) {
	in, w := io.Pipe()
	published := make(chan struct{})
	go func() {
		fmt.Fprint(w, "{\"player\":\"A\"}\n{\"player\":\"B\"") // the second line is not complete
		<-published
		fmt.Fprint(w, "}\n")
		w.Close()
	}()
	p := &batchRecorder{limit: 10}
	signaling := publisherFunc(func(ctx context.Context, msgs ...broker.Message) (int, error) {
		if len(p.batches) == 0 {
			defer close(published)
		}
		return p.Publish(ctx, msgs...)
	})
	if _, errs, err := emitFrom(t, in, signaling); err != nil || fmt.Sprint(p.batches) != "[[A] [B]]" {
		t.Errorf("batches %v, error %v\n%s\nwant [[A] [B]]", p.batches, err, errs)
	}
}

type publisherFunc func(context.Context, ...broker.Message) (int, error)

func (f publisherFunc) Publish(ctx context.Context, msgs ...broker.Message) (int, error) {
	return f(ctx, msgs...)
}

// An invalid line is skipped and reported. The lines before and after it are published.
func TestEmitReportsInvalidLines(t *testing.T) {
	in := strings.Join([]string{
		`{"player":"A"}`, ``, `{"plaier":"B"}`, strings.Repeat("x", 3*maxFacts), `{"player":"C"} {"player":"D"}`,
		`{"player":"E","kind":"gaol"}`, `{"match":{"id":"?"}}`, `{"player":"F"}`,
	}, "\n")
	p := &batchRecorder{limit: 10}
	_, errs, err := emitFrom(t, strings.NewReader(in), p)
	if got := slices.Concat(p.batches...); !slices.Equal(got, []string{"A", "F"}) {
		t.Errorf("published %v, want A and F", got)
	}
	for _, want := range []string{`line 3: facts: json: unknown field "plaier"`, "line 4: longer than 1048576 bytes",
		"line 5: facts: more than one JSON value", `line 6: facts: routing key "soccer.mls.goal"`,
		"line 7: facts: match ID"} {
		if !strings.Contains(errs, want) {
			t.Errorf("the report lacks %q:\n%s", want, errs)
		}
	}
	if err == nil || err.Error() != "5 of 8 lines failed" {
		t.Errorf("error %v, want 5 of 8 lines failed", err)
	}
}

// If the broker does not confirm all events, emit stops. It reports each line with an unconfirmed
// event, and the line at which to continue.
func TestEmitReportsUnconfirmedLines(t *testing.T) {
	p := &batchRecorder{limit: maxBatch + 3}
	out, errs, err := emitFrom(t, strings.NewReader("\n"+numberedLines(3*maxBatch)), p)
	if n := strings.Count(out, " id="); n != maxBatch+3 {
		t.Errorf("%d events printed, want the %d confirmed events", n, maxBatch+3)
	}
	unconfirmed := strings.Count(errs, "is not confirmed")
	first, last := fmt.Sprintf("line %d: event ", maxBatch+5), fmt.Sprintf("line %d: event ", maxBatch+4+unconfirmed)
	if !strings.Contains(errs, first) || !strings.Contains(errs, last) {
		t.Errorf("the report does not contain both %q and %q:\n%s", first, last, errs)
	}
	want := fmt.Sprintf("stopped before line %d, %d of %d lines failed: %v",
		maxBatch+5+unconfirmed, unconfirmed, maxBatch+4+unconfirmed, errDown)
	if err == nil || err.Error() != want || len(p.batches) != 2 {
		t.Errorf("error %v after %d batches, want %s after 2", err, len(p.batches), want)
	}
}

// If the confirmed events cannot be printed, emit still reports each line with an unconfirmed event.
func TestEmitReportsUnconfirmedLinesWithoutOutput(t *testing.T) {
	reader, out := io.Pipe()
	reader.CloseWithError(errors.New("disk full"))
	var errs bytes.Buffer
	l := &lineEmitter{
		emitter:   &emitter{key: "soccer.mls.goal", timeout: time.Minute},
		console:   &console{program: program{in: strings.NewReader(numberedLines(4)), out: out, err: &errs}},
		publisher: &batchRecorder{limit: 2},
	}
	l.tid = event.NewTID()
	err := l.run(t.Context())
	for _, want := range []string{"line 1: the event is published, but cannot be printed: disk full", errDown.Error(),
		"2 of 4 lines failed"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if n := strings.Count(errs.String(), "is not confirmed"); n != 2 {
		t.Errorf("%d lines reported, want lines 3 and 4:\n%s", n, errs.String())
	}
}

// An interrupt ends emit while it waits for a line.
func TestEmitIsInterrupted(t *testing.T) {
	in, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	l := &lineEmitter{
		emitter:   &emitter{key: "soccer.mls.goal", timeout: time.Minute},
		console:   &console{program: program{in: in, out: &out, err: &out}},
		publisher: publisherFunc(func(context.Context, ...broker.Message) (int, error) { cancel(); return 1, nil }),
	}
	l.tid = event.NewTID()
	go fmt.Fprint(w, numberedLines(1))
	const want = "stopped before line 2, 0 of 1 lines failed: interrupted"
	if err := l.run(ctx); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// Emitting lines in batches is at least three times as fast as emitting them one by one, even if
// all events belong to one match. The events arrive in order.
func TestCaseEmitRate(t *testing.T) {
	w := newWorld(t)
	b, err := rabbit.New(w.amqp, rabbit.Options{Namespace: w.namespace, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	s := broker.Subscription{Queue: "consumer.scoreboard", Patterns: []string{"#"}}
	if err := b.Declare(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	oneByOne := publisherFunc(func(ctx context.Context, msgs ...broker.Message) (int, error) {
		for i := range msgs {
			if _, err := b.Publish(ctx, msgs[i]); err != nil {
				return i, err
			}
		}
		return len(msgs), nil
	})
	const lines, rounds = 500, 3
	in := strings.ReplaceAll(numberedLines(lines), "}", `,"match":{"id":"m1","home":"A","away":"B"}}`)
	var ratios []float64
	for range rounds {
		var took [2]time.Duration
		for i, p := range []broker.Publisher{oneByOne, b} {
			began := time.Now()
			if _, errs, err := emitFrom(t, strings.NewReader(in), p); err != nil {
				t.Fatalf("%v\n%s", err, errs)
			}
			took[i] = time.Since(began)
		}
		t.Logf("one by one: %.0f events per second, in batches: %.0f",
			lines/took[0].Seconds(), lines/took[1].Seconds())
		ratios = append(ratios, took[0].Seconds()/took[1].Seconds())
	}
	slices.Sort(ratios)
	if ratios[rounds/2] < 3 {
		t.Errorf("batches are %.1f times as fast, want at least 3 times", ratios[rounds/2])
	}
	caughtUp, reading := make(chan struct{}), make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var players []string
	go func() {
		reading <- b.ReadLog(ctx, broker.Start, caughtUp, func(_ broker.Cursor, m broker.Message) error {
			e, err := event.Decode(m.Body)
			players = append(players, e.Data.Player)
			return err
		})
	}()
	<-caughtUp
	stop()
	if err := <-reading; err != nil {
		t.Fatal(err)
	}
	for i, got := range players {
		if want := fmt.Sprintf("P%d", i%lines+1); got != want {
			t.Fatalf("event %d of the log is %s, want %s", i, got, want)
		}
	}
	if len(players) != 2*rounds*lines {
		t.Errorf("the log has %d events, want %d", len(players), 2*rounds*lines)
	}
}
