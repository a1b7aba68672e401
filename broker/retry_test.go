package broker_test

import (
	"errors"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
)

func TestDecide(t *testing.T) {
	failed := errors.New("failed")
	unavailable, permanent := broker.Unavailable(failed), broker.Permanent(failed)
	postponed := func(d time.Duration) error {
		return broker.Postpone(time.Now().Add(d+time.Millisecond), "a spoiler delay")
	}
	pauses := broker.Pauses() // 1 s, 5 s, 30 s, 2 min, 10 min
	for _, tc := range []struct {
		err              error
		attempt, outages int
		disposition      broker.Disposition
		pause            time.Duration
	}{
		{nil, 1, 0, broker.Ack, 0},
		{failed, 1, 0, broker.Retry, time.Second},
		{failed, 5, 0, broker.Retry, 10 * time.Minute},
		{failed, 6, 0, broker.Dead, 0},
		{failed, 1, 1000, broker.Retry, time.Second},
		{permanent, 1, 0, broker.Dead, 0},
		{unavailable, 1, 0, broker.Outage, time.Second},
		{unavailable, 1, 1, broker.Outage, 5 * time.Second},
		{unavailable, 1, 1000, broker.Outage, 30 * time.Second}, // the longest pause in an outage
		{unavailable, 6, 3, broker.Outage, 30 * time.Second},
		{postponed(45 * time.Second), 1, 0, broker.Postponed, 30 * time.Second},
		{postponed(15 * time.Second), 6, 9, broker.Postponed, 5 * time.Second},
		{postponed(0), 1, 0, broker.Postponed, time.Second},
		{postponed(-time.Hour), 1, 0, broker.Postponed, time.Second},
		{postponed(time.Hour), 1, 0, broker.Postponed, 10 * time.Minute},
	} {
		if d, p := broker.Decide(tc.err, tc.attempt, tc.outages, pauses); d != tc.disposition || p != tc.pause {
			t.Errorf("%v on attempt %d after %d outages: disposition %v after %v, want %v after %v",
				tc.err, tc.attempt, tc.outages, d, p, tc.disposition, tc.pause)
		}
	}
}
