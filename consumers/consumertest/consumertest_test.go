package consumertest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/consumertest"
	"github.com/matchwire/matchwire/event"
)

// A ledger creates a consumer with one fault, and stores the rows that the consumer writes. If
// fault is "", the consumer has no fault.
type ledger struct {
	fault string

	mu        sync.Mutex
	rows      map[string]string // by incident
	reply     func() error      // returns the error of the dependency
	recovered chan struct{}     // nil if the dependency has not hung; closed when it recovers
}

type settings struct {
	Token string `yaml:"token"`
}

func (l *ledger) new(h consumers.Host) (consumers.Consumer, error) {
	var set settings
	if err := h.Settings(&set); err != nil && l.fault != "unknown setting" {
		return consumers.Consumer{}, err
	}
	keys := []string{"#"}
	if l.fault == "shutdown" || l.fault == "shutdown of a counter" {
		return l.forgetful(keys), nil
	}
	return consumers.Consumer{Keys: keys, Rebuilds: true, Handle: func(ctx context.Context, e event.Event) error {
		if l.fault == "secret" {
			h.Log.Info("writing", "token", set.Token)
		}
		l.mu.Lock()
		reply, recovered := l.reply, l.recovered
		l.mu.Unlock()
		if recovered != nil {
			select {
			case <-recovered:
			case <-ctx.Done():
				if l.fault == "timeout" {
					return nil
				}
				return ctx.Err()
			}
		}
		err := reply()
		if err != nil {
			if l.fault == "temporary failure" {
				return broker.Permanent(err)
			}
			if l.fault == "permanent failure" && errors.Is(err, broker.ErrPermanent) {
				return errors.New("again")
			}
			return err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		d := e.Data
		if l.fault == "corrections" && d.Action != event.New {
			return broker.Permanent(errors.New("unknown action"))
		}
		row := d.Incident
		if l.fault == "duplicate event" {
			row += string(rune('a' + len(l.rows)))
		}
		if was, ok := l.rows[row]; ok && was >= string(rune('0'+d.Rev)) && l.fault != "any order" {
			return nil
		}
		l.rows[row] = string(rune('0'+d.Rev)) + d.Player
		return nil
	}}, nil
}

// forgetful returns a consumer that acknowledges events at once and writes the events later. When the
// consumer stops, it drops the events that it has not written.
func (l *ledger) forgetful(keys []string) consumers.Consumer {
	buffer := make(chan event.Event, 1000)
	return consumers.Consumer{Keys: keys,
		Handle: func(_ context.Context, e event.Event) error { buffer <- e; return nil },
		Run: func(ctx context.Context) error {
			for {
				select {
				case <-ctx.Done():
					for len(buffer) > 0 {
						<-buffer
					}
					return nil
				case e := <-buffer:
					time.Sleep(10 * time.Millisecond)
					l.mu.Lock()
					l.rows[e.Data.Incident] = string(rune('0'+e.Data.Rev)) + e.Data.Player
					l.mu.Unlock()
				}
			}
		},
	}
}

// subject returns a function that returns a subject with the fault.
func subject(fault string) func(*testing.T) consumertest.Subject {
	return func(*testing.T) consumertest.Subject {
		l := &ledger{fault: fault, rows: map[string]string{}, reply: func() error { return nil }}
		failWith := func(err error) func() func() {
			return func() func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.reply = func() error { return err }
				return func() {
					l.mu.Lock()
					defer l.mu.Unlock()
					l.reply = func() error { return nil }
				}
			}
		}
		return consumertest.Subject{
			New: l.new, Settings: "token: " + consumertest.Secret,
			Effects: func() (all []string) {
				l.mu.Lock()
				defer l.mu.Unlock()
				for id, row := range l.rows {
					all = append(all, id+" "+row)
				}
				slices.Sort(all)
				if strings.HasSuffix(fault, "counter") && len(all) > 0 { // only the number of goals is visible
					return []string{fmt.Sprint("goals ", len(all))}
				}
				return all
			},
			Fail: failWith(errors.New("closed")), Refuse: failWith(broker.Permanent(errors.New("no"))),
			Hang: func() func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.recovered = make(chan struct{})
				return func() { close(l.recovered) }
			},
		}
	}
}

func TestConsumerWithoutFaultPasses(t *testing.T) { consumertest.Run(t, subject("")) }

// Each check detects the fault that the check exists for. Every check also searches the log for the
// secret, so any check detects the fault "secret". The faulty consumer is tested in another
// process, because the failed check would also fail this test.
func TestFaultsAreDetected(t *testing.T) {
	if fault := os.Getenv("CONSUMERTEST_FAULT"); fault != "" {
		consumertest.Hurry()
		consumertest.Run(t, subject(fault))
		return
	}
	for _, tc := range []struct{ fault, check, message string }{
		{"duplicate event", "duplicate_event", "after one delivery"},
		{"corrections", "corrections", ""},
		{"corrections of a counter", "corrections", `include the revision of the goal; effects ["goals 1"]`},
		{"any order", "any_order", "in reverse order"},
		{"temporary failure", "temporary_failure", ""},
		{"permanent failure", "permanent_failure", ""},
		{"timeout", "timeout", ""},
		{"shutdown", "shutdown", "after a restart"},
		{"shutdown of a counter", "shutdown", `missing effects: ["goals 20"]`},
		{"unknown setting", "unknown_setting", "an unknown setting"},
		{"secret", "duplicate_event", "contains the secret"},
	} {
		t.Run(tc.fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run", "TestFaultsAreDetected/"+tc.check)
			cmd.Env = append(os.Environ(), "CONSUMERTEST_FAULT="+tc.fault)
			out, err := cmd.CombinedOutput()
			for _, want := range []string{"--- FAIL: TestFaultsAreDetected/" + tc.check, tc.message} {
				if err == nil || !strings.Contains(string(out), want) {
					t.Errorf("fault not detected: error %v, want a failure with %q in:\n%s", err, want, out)
				}
			}
		})
	}
}
