package notify_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

func newConsumer(t *testing.T, webhook string, log io.Writer) consumers.Consumer {
	t.Helper()
	c, err := notify.New(consumers.Host{
		Log:      slog.New(slog.NewTextHandler(log, nil)),
		Settings: func(v any) error { v.(*notify.Settings).Webhook = webhook; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func goal(t *testing.T, change func(*event.Data)) event.Event {
	t.Helper()
	c := event.SoccerMinute("", 6, 0)
	d := event.Data{League: "MLS", Team: "Toronto FC", Player: "Sebastian Giovinco", Opponent: "New York City FC", Side: event.Away, Clock: &c,
		Score: &event.Score{Away: 1}, Match: &event.Match{ID: "m1", Home: "New York City FC", Away: "Toronto FC", Status: event.Live}}
	key := "soccer.mls.goal"
	if change != nil {
		change(&d)
		if d.Kind != "" {
			key = "soccer.mls." + d.Kind.Word(d.Action)
		}
	}
	e, err := event.Of(key, d, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	e.TID = event.NewTID()
	return e
}

func TestNotificationCarriesTheTID(t *testing.T) {
	var body []byte
	var header http.Header
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		header = r.Header
	}))
	defer hook.Close()
	var said strings.Builder
	e := goal(t, nil)
	if err := newConsumer(t, hook.URL, &said).Handle(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	var n notify.Notification
	if err := json.Unmarshal(body, &n); err != nil {
		t.Fatal(err)
	}
	const text = "Goal for Toronto FC: Sebastian Giovinco (6', New York City FC 0–1 Toronto FC)"
	if n.Text != text || n.Event.ID != e.ID || n.Event.TID != e.TID || n.Event.Data.Player != e.Data.Player {
		t.Errorf("body %s", body)
	}
	if header.Get("Webhook-Id") != e.ID || header.Get("X-Transaction-Id") != e.TID.String() || header.Get("Content-Type") != "application/json" {
		t.Errorf("header %v", header)
	}
	if !strings.Contains(said.String(), "tid="+e.TID.String()) || !strings.Contains(said.String(), text) {
		t.Errorf("log %s", said.String())
	}
}

func TestSilentAboutWhatIsNoNews(t *testing.T) {
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("told") }))
	defer hook.Close()
	var said strings.Builder
	c := newConsumer(t, hook.URL, &said)
	for _, e := range []event.Event{
		goal(t, func(d *event.Data) { d.Backfill = true }),
		goal(t, func(d *event.Data) { // the page lists a scorer an hour late
			early := event.SoccerMinute("", 20, 0)
			d.Clock, d.Match.Clock = &early, event.SoccerMinute("", 80, 0)
		}),
		goal(t, func(d *event.Data) { d.Replay = true }),
	} {
		if err := c.Handle(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
	if said.Len() > 0 {
		t.Errorf("said %s", said.String())
	}
}

// The answer decides whether trying again can help, and no error holds the
// webhook's secret path.
func TestWebhookAnswers(t *testing.T) {
	for status, permanent := range map[int]bool{301: true, 302: true, 400: true, 401: true, 404: true, 410: true, 408: false, 429: false, 500: false, 503: false} {
		hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(status)
		}))
		err := newConsumer(t, hook.URL+"/"+testenv.Secret+"?key="+testenv.Secret, io.Discard).Handle(t.Context(), goal(t, nil))
		hook.Close()
		if err == nil || errors.Is(err, event.ErrPermanent) != permanent {
			t.Errorf("%d: %v", status, err)
		}
		testenv.NoSecret(t, err)
	}
	err := newConsumer(t, "http://127.0.0.1:1/"+testenv.Secret, io.Discard).Handle(t.Context(), goal(t, nil))
	if err == nil || errors.Is(err, event.ErrPermanent) {
		t.Errorf("nobody there: %v", err)
	}
	testenv.NoSecret(t, err)
}

func TestBadWebhookIsRefusedAtStart(t *testing.T) {
	for _, u := range []string{"example.org/" + testenv.Secret, "ftp://x/" + testenv.Secret, "http://"} {
		_, err := notify.New(consumers.Host{Log: slog.New(slog.DiscardHandler),
			Settings: func(v any) error { v.(*notify.Settings).Webhook = u; return nil }})
		if err == nil {
			t.Errorf("%q is taken", u)
		}
		testenv.NoSecret(t, err)
	}
}

func TestText(t *testing.T) {
	for want, change := range map[string]func(*event.Data){
		"Goal for Toronto FC: Sebastian Giovinco, penalty (6', New York City FC 0–1 Toronto FC)": func(d *event.Data) { d.Detail = event.PenaltyGoal },
		"Goal for Toronto FC: Brillant, own goal (6', New York City FC 0–1 Toronto FC)": func(d *event.Data) {
			d.Player, d.Detail = "Brillant", event.OwnGoal
		},
		"Taken back: goal for Toronto FC: Sebastian Giovinco (6', New York City FC 0–1 Toronto FC)": func(d *event.Data) {
			d.Kind, d.Action = event.Goal, event.Retracted
		},
		"Corrected: goal for Toronto FC: Sebastian Giovinco (6', New York City FC 0–1 Toronto FC)": func(d *event.Data) {
			d.Kind, d.Action = event.Goal, event.Corrected
		},
		"Red card for Toronto FC: Sebastian Giovinco, second yellow (6', New York City FC 0–1 Toronto FC)": func(d *event.Data) {
			d.Kind, d.Detail = event.RedCard, event.SecondYellow
		},
		"Full time (Toronto FC 0–0 Seattle Sounders FC, 4–5 on penalties)": func(d *event.Data) {
			*d = event.Data{League: "MLS", Kind: event.MatchEnd, Score: &event.Score{}, Shootout: &event.Score{Home: 4, Away: 5},
				Match: &event.Match{ID: "m", Home: "Toronto FC", Away: "Seattle Sounders FC", Status: event.Ended}}
		},
		"Shoot-out kick for Toronto FC: Justin Morrow, missed (New York City FC 0–1 Toronto FC, 4–4 on penalties)": func(d *event.Data) {
			d.Kind, d.Detail, d.Player, d.Clock, d.Shootout = event.ShootoutKick, event.Missed, "Justin Morrow", nil, &event.Score{Home: 4, Away: 4}
		},
		"End of 1st half (New York City FC 0–1 Toronto FC)": func(d *event.Data) {
			*d = event.Data{League: "MLS", Kind: event.PeriodEnd, Match: d.Match, Score: d.Score, Clock: &event.Clock{Period: "1h"}}
		},
		"Kick-off (New York City FC 0–0 Toronto FC)": func(d *event.Data) {
			*d = event.Data{League: "MLS", Kind: event.MatchStart, Match: d.Match, Score: &event.Score{}}
		},
		"Match postponed (New York City FC v Toronto FC)": func(d *event.Data) {
			d.Match.Status = event.Postponed
			*d = event.Data{League: "MLS", Kind: event.StatusChange, Match: d.Match}
		},
	} {
		if got := notify.Text(goal(t, change)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	bare, err := event.Of("soccer.mls.goal", event.Data{Player: "Giovinco", Team: "Toronto FC"}, time.Now())
	if err != nil || notify.Text(bare) != "soccer.mls.goal Giovinco Toronto FC" {
		t.Errorf("an event by hand: %q %v", notify.Text(bare), err)
	}
}
