package matchday

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/event"
)

// call sends a request to a bar, and returns the status and the body of the answer.
func call(b *bar, method, target, body string, header ...string) (int, string) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// A viewer can choose one of the speeds, but a page of another site cannot.
func TestSpeedOfADemo(t *testing.T) {
	t.Parallel()
	b := newBar(30)
	for _, tc := range []struct {
		name, method, body string
		header             []string
		status             int
		speed              float64
	}{
		{"slower", "PUT", `{"speed": 10}`, nil, 204, 10},
		{"pause", "PUT", `{"speed": 0}`, []string{"Sec-Fetch-Site", "same-origin"}, 204, 0},
		{"the speed at the start", "PUT", `{"speed": 30}`, nil, 204, 30},
		{"other site", "PUT", `{"speed": 1}`, []string{"Sec-Fetch-Site", "cross-site"}, 403, 30},
		{"other origin", "PUT", `{"speed": 1}`, []string{"Origin", "https://site.example"}, 403, 30},
		{"other speed", "PUT", `{"speed": 1e9}`, nil, 400, 30},
		{"no speed", "PUT", `{}`, nil, 400, 30},
		{"long body", "PUT", `{"speed": 1` + strings.Repeat(" ", 2000) + `}`, nil, 400, 30},
		{"other method", "POST", `{"speed": 1}`, nil, 405, 30},
	} {
		status, body := call(b, tc.method, "/demo", tc.body, tc.header...)
		if status != tc.status || b.pace.Speed() != tc.speed || b.state.Speed != tc.speed {
			t.Errorf("%s: status %d %s, speed %v, want %d and %v", tc.name, status, body, b.pace.Speed(), tc.status, tc.speed)
		}
	}
	want := `"speeds":[0,1,10,30,60],"speed":30,"ended":false,"alerts":null`
	if _, body := call(b, "GET", "/demo", ""); !strings.Contains(body, want) {
		t.Errorf("the state is %s, want %s in it", body, want)
	}
	if status, _ := call(newBar(0), "PUT", "/demo", `{"speed": 0}`); status != 400 {
		t.Errorf("a speed in a demo without pauses: status %d, want 400", status)
	}
}

// A request that names the current version waits for a change.
func TestStateWaitsForAChange(t *testing.T) {
	t.Parallel()
	b := newBar(60)
	answer := make(chan string)
	go func() {
		_, body := call(b, "GET", "/demo?after=0", "")
		answer <- body
	}()
	b.end()
	if body := <-answer; !strings.Contains(body, `"version":1,`) || !strings.Contains(body, `"ended":true`) {
		t.Errorf("the answer is %s, want the state after the change", body)
	}
}

// The inbox has the newest alert first. As on a phone, a later alert about an incident replaces the earlier one. The
// inbox keeps a limited number of alerts.
func TestInbox(t *testing.T) {
	t.Parallel()
	b := newBar(60)
	b.addInbox(nil)
	add := func(thread, title string) {
		t.Helper()
		e := event.Event{Subject: "m1", TID: event.NewTID()}
		body, err := json.Marshal(notify.Notification{Thread: thread, Title: title, Event: e})
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequest(http.MethodPost, "http://inbox.invalid/", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		w, err := (*inbox)(b).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		if w.StatusCode != http.StatusNoContent {
			t.Fatalf("status %d, want 204", w.StatusCode)
		}
	}
	titles := func() (all []string) {
		for _, a := range b.state.Alerts {
			all = append(all, a.Title)
		}
		return all
	}
	add("a", "Goal")
	add("b", "Start")
	add("a", "Taken back: goal")
	if got := fmt.Sprint(titles()); got != "[Taken back: goal Start]" || b.state.Alerts[0].Match != "m1" {
		t.Errorf("the alerts are %s", got)
	}
	for i := range 60 {
		add(fmt.Sprint(i), fmt.Sprint(i))
	}
	if got := titles(); len(got) != 50 || got[0] != "59" || got[49] != "10" {
		t.Errorf("%d alerts, from %s to %s, want 50 from 59 to 10", len(got), got[0], got[len(got)-1])
	}
}

// The first goal of the day becomes a dead letter of the site of a club. When it is replayed, the site accepts it.
func TestDeadLetterOfTheDay(t *testing.T) {
	t.Parallel()
	refused := 0
	c, err := newClubSite(func(event.Event) { refused++ })
	if err != nil {
		t.Fatal(err)
	}
	goal := event.Event{Type: "soccer.mls.goal", Data: event.Data{Player: "Sebastian Giovinco"}}
	err = c.Handle(t.Context(), goal)
	if !errors.Is(err, broker.ErrPermanent) || !strings.Contains(err.Error(), "Sebastian Giovinco") {
		t.Errorf("the first goal: error %v, want a permanent error that names the player", err)
	}
	if err := c.Handle(t.Context(), goal); err != nil {
		t.Errorf("the replayed goal: error %v, want none", err)
	}
	if refused != 1 {
		t.Errorf("%d goals were refused, want one", refused)
	}
}

// The log of the day leaves out only errors about the queue of the club's site.
func TestLogOfTheDay(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	log := slog.New(clubSiteLog{slog.NewTextHandler(&out, nil)}).With("process", 1)
	log.Error("message dead-lettered", "queue", consumers.QueueName(clubSite), "attempts", 1)
	log.Error("message dead-lettered", "queue", "consumer.notify.inbox")
	log.Warn("page unusable")
	if got := out.String(); strings.Contains(got, clubSite) || strings.Count(got, "\n") != 2 {
		t.Errorf("the log is\n%swant only the error of notify and the warning", got)
	}
}
