package rabbit

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/broker"
)

// If the witness of a deleted exchange cannot be declared, later verifications do not report the same
// deletion again. They report a second deletion.
func TestCaseDeletionIsReportedOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b, err := New("amqp://unused.example", Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	down := errors.New("down")
	for i, step := range []struct {
		present bool
		declare error
		reports int // in total
	}{
		{false, nil, 0}, // the first verification
		{true, nil, 0},
		{false, down, 1},
		{false, down, 1},
		{false, nil, 1},
		{true, nil, 1},
		{false, nil, 2},
	} {
		err := b.checkWitness(broker.LiveEvents, step.present, func() error { return step.declare })
		if !errors.Is(err, step.declare) {
			t.Errorf("verification %d: error %v, want %v", i, err, step.declare)
		}
		if got := strings.Count(log.String(), "exchange was deleted"); got != step.reports {
			t.Errorf("after verification %d: %d reports of a deletion, want %d", i, got, step.reports)
		}
	}
}
