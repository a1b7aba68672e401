package consumertest_test

import (
	"context"
	"errors"
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

// A ledger is a consumer that does all as it should, but for one fault.
type ledger struct {
	fault string

	mu    sync.Mutex
	rows  map[string]string // by incident
	how   func() error      // it answers
	hangs chan struct{}
}

type settings struct {
	Token string `yaml:"token"`
}

func (l *ledger) new(h consumers.Host) (consumers.Consumer, error) {
	var set settings
	if err := h.Settings(&set); err != nil && l.fault != "settings unknown" {
		return consumers.Consumer{}, err
	}
	keys := []string{"#"}
	if l.fault == "end of the run" {
		return l.forgetful(keys), nil
	}
	return consumers.Consumer{Keys: keys, Rebuilds: true, Handle: func(ctx context.Context, e event.Event) error {
		if l.fault == "secret" {
			h.Log.Info("writing", "token", set.Token)
		}
		l.mu.Lock()
		how, hangs := l.how, l.hangs
		l.mu.Unlock()
		if hangs != nil {
			select {
			case <-hangs:
			case <-ctx.Done():
				if l.fault == "end of the context" {
					return nil
				}
				return ctx.Err()
			}
		}
		err := how()
		if err != nil {
			if l.fault == "failure for now" {
				return broker.Permanent(err)
			}
			if l.fault == "failure for good" && errors.Is(err, broker.ErrPermanent) {
				return errors.New("again")
			}
			return err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		d := e.Data
		if l.fault == "corrections" && d.Action != event.New {
			return broker.Permanent(errors.New("what is that?"))
		}
		row := d.Incident
		if l.fault == "the same event twice" {
			row += string(rune('a' + len(l.rows)))
		}
		if was, ok := l.rows[row]; ok && was >= string(rune('0'+d.Rev)) && l.fault != "any order" {
			return nil
		}
		l.rows[row] = string(rune('0'+d.Rev)) + d.Player
		return nil
	}}, nil
}

// forgetful acknowledges at once, writes later, and forgets at the end what it
// has not written.
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

func subject(fault string) func(*testing.T) consumertest.Subject {
	return func(*testing.T) consumertest.Subject {
		l := &ledger{fault: fault, rows: map[string]string{}, how: func() error { return nil }}
		set := func(err error) func() func() {
			return func() func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.how = func() error { return err }
				return func() {
					l.mu.Lock()
					defer l.mu.Unlock()
					l.how = func() error { return nil }
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
				return all
			},
			Fail: set(errors.New("closed")), Refuse: set(broker.Permanent(errors.New("no"))),
			Hang: func() func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.hangs = make(chan struct{})
				return func() { close(l.hangs) }
			},
		}
	}
}

func TestOneThatIsAsItShouldBe(t *testing.T) { consumertest.Run(t, subject("")) }

// Each check finds the fault that it is there for. The faulty run is a process
// of its own, as it has to fail.
func TestFaultsAreFound(t *testing.T) {
	if fault := os.Getenv("CONSUMERTEST_FAULT"); fault != "" {
		consumertest.Hurry()
		consumertest.Run(t, subject(fault))
		return
	}
	for fault, check := range map[string]string{
		"the same event twice": "the_same_event_twice", "corrections": "corrections", "any order": "any_order", "failure for now": "failure_for_now",
		"failure for good": "failure_for_good", "end of the context": "end_of_the_context", "settings unknown": "settings_unknown", "end of the run": "end_of_the_run", "secret": "the_same_event_twice",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run", "TestFaultsAreFound/"+check)
			cmd.Env = append(os.Environ(), "CONSUMERTEST_FAULT="+fault)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestFaultsAreFound/"+check) {
				t.Errorf("not found: %v\n%s", err, out)
			}
		})
	}
}
