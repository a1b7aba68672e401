package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/consumertest"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// start runs the channels in n simulated processes until the test ends. It returns their broker.
func (w *world) start(n int, pauses ...time.Duration) *memory.Broker {
	w.Helper()
	b := memory.New(pauses, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for range n {
		if err := w.try(w.settings); err != nil { // each process has its own consumer
			w.Fatal(err)
		}
		for channel, c := range w.Parts {
			r := consumers.Runner{Broker: b, Redis: w.redis, Prefix: "mw:", Log: slog.New(slog.DiscardHandler)}
			ready := make(chan struct{})
			running.Go(func() {
				if err := r.Run(ctx, "notify."+channel, c, ready); err != nil {
					w.Error(err)
				}
			})
			<-ready
		}
	}
	w.Cleanup(func() { cancel(); running.Wait() })
	return b
}

// publish publishes the events of a match in order, as one burst.
func publish(t *testing.T, b broker.Broker, events ...event.Event) {
	t.Helper()
	var msgs []broker.Message
	for _, e := range events {
		m, err := broker.NewMessage(e)
		if err != nil {
			t.Fatal(err)
		}
		msgs = append(msgs, m)
	}
	if _, err := b.Publish(t.Context(), msgs...); err != nil {
		t.Fatal(err)
	}
}

// facts returns the events of one page that shows several new facts. Each spec is a kind and, if the
// event has one, a player, such as "goal Ann". The events have consecutive seqs, starting at seq.
func facts(t *testing.T, seq int64, specs ...string) (events []event.Event) {
	t.Helper()
	first := consumertest.Goal()
	for i, spec := range specs {
		d := first.Data
		d.Seq, d.Incident, d.Player = seq+int64(i), event.IncidentID(first.ID, fmt.Sprint(i)), ""
		kind, player, _ := strings.Cut(spec, " ")
		d.Kind, d.Player = event.Kind(kind), player
		d.Score = &event.Score{Home: i + 1}
		if !d.Sport.Scores(d.Kind) {
			d.Team, d.Side, d.Score = "", "", &event.Score{Home: i}
		}
		e, err := event.Of("soccer.mls."+kind, d, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		e.TID = event.NewTID()
		events = append(events, e)
	}
	return events
}

// A titleRecorder is a service that records the titles of the notifications that it receives.
type titleRecorder struct {
	*httptest.Server
	mu     sync.Mutex
	titles []string
	status func(n int) int // returns the status of the response to request n, from 0; nil means 200
	calls  int
}

func newTitleRecorder(t *testing.T, status func(n int) int) *titleRecorder {
	r := &titleRecorder{status: status}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		var n struct{ Title string }
		if err := json.Unmarshal(body, &n); err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.calls++
		if r.status != nil {
			if status := r.status(r.calls - 1); status != http.StatusOK {
				w.WriteHeader(status)
				return
			}
		}
		r.titles = append(r.titles, n.Title)
	}))
	t.Cleanup(r.Close)
	return r
}

// wait waits for at least n notifications and returns the titles of all notifications.
func (r *titleRecorder) wait(t *testing.T, n int) []string {
	t.Helper()
	var got []string
	testenv.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		got = slices.Clone(r.titles)
		return len(got) >= n
	}, "%d notifications", n)
	return got
}

// If one page shows several new facts, every channel sends their notifications in the order of the
// match. The order does not depend on which processes handle the events, or which attempts fail.
func TestCaseAlertsInOrder(t *testing.T) {
	flaky := func(n int) int {
		return []int{http.StatusOK, http.StatusServiceUnavailable, http.StatusOK, http.StatusInternalServerError}[n%4]
	}
	for name, channel := range map[string]struct {
		settings string
		status   func(int) int
	}{
		"webhook":       {"webhook: {url: '%s/hook'}", nil},
		"flaky webhook": {"webhook: {url: '%s/hook'}", flaky},
		"ntfy":          {"ntfy: {url: '%s/topic'}", nil},
		"gotify":        {"gotify: {server: '%s', token: abcdef}", flaky},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTitleRecorder(t, channel.status)
			w := newWorld(t, "channels:\n  site: {"+fmt.Sprintf(channel.settings, r.URL)+"}\n")
			b := w.start(3, 20*time.Millisecond, 50*time.Millisecond, 100*time.Millisecond)
			publish(t, b, facts(t, 1, "goal Ann", "goal Bea", "goal Cat", "match_end")...)
			want := []string{"Goal for Toronto FC: Ann", "Goal for Toronto FC: Bea", "Goal for Toronto FC: Cat", "Full time"}
			if got := r.wait(t, 4); !slices.Equal(got, want) {
				t.Errorf("notifications %q, want %q", got, want)
			}
		})
	}
}

// Later events of a match wait for an event with a spoiler delay. An incident that is retracted during
// the delay is not sent.
func TestOrderDuringASpoilerDelay(t *testing.T) {
	r := newTitleRecorder(t, nil)
	w := newWorld(t, "channels:\n  site: {webhook: {url: '"+r.URL+"'}}\nrules:\n"+
		"  - {kinds: [goal], delay: 1s}\n  - {kinds: [match_end, red_card]}\n")
	b := w.start(2, 20*time.Millisecond, 200*time.Millisecond)
	events := facts(t, 1, "goal Ann", "goal Bea", "red_card Zed")
	retracted := consumertest.Retracted(events[0])
	retracted.Data.Seq = 4
	publish(t, b, append(events, retracted)...)
	events = facts(t, 5, "match_end")
	want := []string{"Goal for Toronto FC: Bea", "Red card: Zed"}
	if got := r.wait(t, 2); !slices.Equal(got, want) {
		t.Errorf("notifications %q, want %q", got, want)
	}
	last := events[0]
	last.Subject, last.Data.Match, last.Data.Epoch = retracted.Subject, retracted.Data.Match, retracted.Data.Epoch
	publish(t, b, last)
	if got := r.wait(t, 3); got[2] != "Full time" {
		t.Errorf("notifications %q, want Full time after the others, and nothing for the retracted goal", got)
	}
}

// A push service that is down delays notifications to other browsers only for a short time.
func TestOneBrowserDoesNotDelayTheOthers(t *testing.T) {
	w, s, subscription := phones(t, 1)
	w.mustSubscribe(`{"subscription": ` + subscription(0) + `}`)
	down := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer down.Close()
	other := newBrowser(t)
	services := "services: ['" + strings.TrimPrefix(down.URL, "https://") + "', "
	w.configure(strings.Replace(w.settings, "services: [", services, 1))
	w.mustSubscribe(`{"subscription": ` + other.subscription(down.URL+"/1") + `}`)
	e := consumertest.Goal()
	err := w.deliver("phones", e)
	if err == nil || consumers.Passed(err) || len(s.all()) != 1 {
		t.Errorf("first attempt: error %v, %d notifications, want a temporary error and one notification", err, len(s.all()))
	}
	e = consumertest.Goal()
	e.Time = time.Now().Add(-time.Minute)
	if err := w.deliver("phones", e); !consumers.Passed(err) || errors.Is(err, broker.ErrPermanent) {
		t.Errorf("attempt after a minute: error %v, want a temporary error from consumers.Pass", err)
	}
}
