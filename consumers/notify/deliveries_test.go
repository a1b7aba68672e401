package notify_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers/consumertest"
	"github.com/matchwire/matchwire/event"
)

// newHookWorld returns a world with a webhook channel and one rule. rule is YAML.
func newHookWorld(t *testing.T, rule string) (*world, *service) {
	t.Helper()
	s := newHook(t)
	return newWorld(t, hookSettings(s)+"rules:\n  - "+rule+"\n"), s
}

// hookSettings returns the settings of a webhook channel.
func hookSettings(s *service) string {
	return "channels:\n  hook: {webhook: {url: '" + s.URL + "', secret: " + webhookSecret + "}}\n"
}

// titles returns the titles and bodies of the notifications that a service shows, sorted and separated
// by semicolons.
func titles(s *service) string {
	var all []string
	for _, line := range s.all() {
		_, title, _ := strings.Cut(line, " ")
		all = append(all, title)
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// A service shows only the latest notification of a goal. Neither the order of the events nor
// repeated deliveries make a difference.
func TestOneTrueNotification(t *testing.T) {
	first := consumertest.Goal()
	corrected := consumertest.Corrected(first)
	retracted := consumertest.Retracted(corrected)
	const (
		goal           = "Goal for Toronto FC: Sebastian Giovinco | 6', New York City FC 0–1 Toronto FC"
		firstCorrected = "Goal for Toronto FC: Jozy Altidore | 6', New York City FC 0–1 Toronto FC"
		edit           = "Corrected: goal for Toronto FC: Jozy Altidore | " +
			"6', New York City FC 0–1 Toronto FC; scorer Sebastian " +
			"Giovinco → Jozy Altidore"
		back = "Taken back: goal for Toronto FC: Jozy Altidore | 6', New York City FC 0–0 Toronto FC"
	)
	for name, tc := range map[string]struct {
		events []event.Event
		want   string
		calls  int
	}{
		"a goal":    {[]event.Event{first}, goal, 1},
		"corrected": {[]event.Event{first, corrected}, edit, 2},
		"retracted": {[]event.Event{first, corrected, retracted}, back, 3},
		"each event twice": {
			[]event.Event{first, first, corrected, corrected, retracted, retracted, first}, back, 3,
		},
		"retracted before the correction": {[]event.Event{first, retracted, corrected}, back, 2},
		"the correction overtakes":        {[]event.Event{corrected, first}, firstCorrected, 1},
		"retracted before it was sent":    {[]event.Event{retracted, first, corrected}, "", 0},
		"the goal is missing":             {[]event.Event{corrected, retracted}, back, 2},
	} {
		t.Run(name, func(t *testing.T) {
			w, s := newHookWorld(t, "kinds: [goal]")
			for _, e := range tc.events {
				if err := w.deliver("hook", e); err != nil {
					t.Fatal(err)
				}
			}
			if got := titles(s); got != tc.want || s.called() != tc.calls {
				t.Errorf("after %d calls, shown: %s\nwant after %d calls: %s", s.called(), got, tc.calls, tc.want)
			}
		})
	}
}

// The retraction of a goal is sent if the notification of the goal may have been delivered. It is not
// sent if that notification was definitely not delivered.
func TestRetractedWhileFailing(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(http.ResponseWriter)
		want   string
	}{
		"refused": {func(w http.ResponseWriter) { w.WriteHeader(503) }, ""},
		"uncertain": {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, "Taken back: goal for Toronto FC: " +
			"Sebastian Giovinco | 6', New York City FC 0–0 Toronto FC"},
	} {
		t.Run(name, func(t *testing.T) {
			w, s := newHookWorld(t, "kinds: [goal]")
			e := consumertest.Goal()
			s.set(tc.answer)
			if err := w.deliver("hook", e); err == nil {
				t.Fatal("delivering the goal: no error, want one")
			}
			s.set(nil)
			for _, e := range []event.Event{consumertest.Retracted(e), e} {
				if err := w.deliver("hook", e); err != nil {
					t.Fatal(err)
				}
			}
			if got := titles(s); got != tc.want {
				t.Errorf("shown: got %q, want %q", got, tc.want)
			}
		})
	}
}

// A correction is postponed while the event that it corrects is being sent.
func TestCorrectionDoesNotOvertake(t *testing.T) {
	w, s := newHookWorld(t, "kinds: [goal]")
	e := consumertest.Goal()
	begun, proceed := make(chan bool, 2), make(chan bool) // capacity 2, in case the correction is wrongly sent
	s.set(func(rw http.ResponseWriter) { begun <- true; <-proceed; rw.WriteHeader(204) })
	done := make(chan error)
	go func() { done <- w.deliver("hook", e) }()
	<-begun
	corrected := consumertest.Corrected(e)
	time.AfterFunc(2*time.Second, func() { close(proceed) })
	err := w.deliver("hook", corrected)
	if !errors.As(err, new(*broker.PostponedError)) {
		t.Errorf("delivering the correction: got error %v, want a PostponedError", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	s.set(nil)
	if err := w.deliver("hook", corrected); err != nil || !strings.HasPrefix(titles(s), "Corrected") {
		t.Errorf("delivering the correction again: error %v, shown: %s, want no error and the correction", err, titles(s))
	}
}

// A rule with the setting "only" suppresses the baskets that it does not match. If a basket was sent,
// its corrections and its retraction are sent too, even if they do not match. Corrections and
// retractions of other baskets are not sent.
func TestOnlyAndCorrections(t *testing.T) {
	basket := func(incident string, points, home, away int) event.Event {
		e, err := event.Of("basketball.nba.basket", event.Data{Incident: incident, Rev: 1, Side: event.Home, Team: "Warriors",
			Player: "Curry", Points: points, Score: &event.Score{Home: home, Away: away},
			Match: &event.Match{ID: "g1", Home: "Warriors", Away: "Cavaliers"}}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		e.TID = event.NewTID()
		return e
	}
	w, s := newHookWorld(t, "only: [lead_changes, period_ends]")
	lead, more := basket(event.IncidentID("lead"), 3, 51, 50), basket(event.IncidentID("more"), 2, 53, 50)
	rescored := consumertest.Corrected(lead)
	rescored.Data.Changes = map[string]event.Change{"score": {Old: "51-50", New: "50-50"}}
	rescoredToo := consumertest.Corrected(more)
	rescoredToo.Data.Changes = map[string]event.Change{"score": {Old: "53-50", New: "50-50"}}
	for _, e := range []event.Event{lead, more, rescored, rescoredToo, consumertest.Retracted(rescored),
		consumertest.Retracted(rescoredToo)} {
		if err := w.deliver("hook", e); err != nil {
			t.Fatal(err)
		}
	}
	const want = "Taken back: three-pointer for Warriors: Jozy Altidore | "
	if got := titles(s); !strings.HasPrefix(got, want) || s.called() != 3 {
		t.Errorf("after %d calls, shown: %s\nwant after 3 calls the retraction of the three-pointer", s.called(), got)
	}
}

// If an event is not news, the event, its correction and its retraction are not sent.
func TestOldNewsIsNotSent(t *testing.T) {
	for name, change := range map[string]func(*event.Event){
		"backfill": func(e *event.Event) { e.Data.Backfill = true },
		"replay":   func(e *event.Event) { e.Data.Replay = true },
		"old":      func(e *event.Event) { e.Time = e.Time.Add(-2 * time.Hour) },
		"late": func(e *event.Event) { // the page lists the goal more than an hour later
			m := *e.Data.Match
			m.Clock = event.SoccerMinute("", 80, 0)
			e.Data.Match = &m
		},
		"late, at half time": func(e *event.Event) { // the page shows no clock in the break
			m := *e.Data.Match
			m.Status, m.Period, m.Clock = event.Break, event.HalfTime, event.Clock{}
			e.Data.Match = &m
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, s := newHookWorld(t, "kinds: [goal]")
			e := consumertest.Goal()
			change(&e)
			corrected := consumertest.Corrected(e)
			corrected.Data.Backfill, corrected.Data.Replay = false, false
			for _, e := range []event.Event{e, corrected, consumertest.Retracted(corrected)} {
				if err := w.deliver("hook", e); err != nil {
					t.Fatal(err)
				}
			}
			if s.called() > 0 {
				t.Errorf("sent: %s, want nothing", titles(s))
			}
		})
	}
}

// A goal that was listed too late stays suppressed if it is corrected at half time, when the page shows no
// clock.
func TestLateGoalCorrectedInTheBreak(t *testing.T) {
	w, s := newHookWorld(t, "kinds: [goal]")
	e := consumertest.Goal()
	m := *e.Data.Match
	m.Clock = event.SoccerMinute("", 39, 0)
	e.Data.Match = &m
	corrected := consumertest.Corrected(e)
	atHalfTime := m
	atHalfTime.Status, atHalfTime.Period, atHalfTime.Clock = event.Break, event.HalfTime, event.Clock{}
	corrected.Data.Match = &atHalfTime
	for _, e := range []event.Event{e, corrected, consumertest.Retracted(corrected)} {
		if err := w.deliver("hook", e); err != nil {
			t.Fatal(err)
		}
	}
	if s.called() > 0 {
		t.Errorf("sent: %s, want nothing", titles(s))
	}
}

// The correction of an event that is not news is not sent, even if only the correction matches a rule.
func TestCorrectionOfOldNewsIsNotSent(t *testing.T) {
	w, s := newHookWorld(t, "{players: [Jozy Altidore]}")
	e := consumertest.Goal()
	e.Data.Assist, e.Data.Backfill = "", true
	corrected := consumertest.Corrected(e)
	corrected.Data.Backfill = false
	for _, e := range []event.Event{e, corrected} {
		if err := w.deliver("hook", e); err != nil {
			t.Fatal(err)
		}
	}
	if s.called() > 0 {
		t.Errorf("sent: %s, want nothing", titles(s))
	}
}

// After Redis loses its data, the parser reports earlier events again, as backfill. Such a copy does not
// suppress an original event that has not been sent yet.
func TestBackfillDoesNotSuppressEarlierEvents(t *testing.T) {
	const (
		goal           = "Goal for Toronto FC: Sebastian Giovinco | 6', New York City FC 0–1 Toronto FC"
		firstCorrected = "Goal for Toronto FC: Jozy Altidore | 6', New York City FC 0–1 Toronto FC"
		edit           = "Corrected: goal for Toronto FC: Jozy Altidore | " +
			"6', New York City FC 0–1 Toronto FC; scorer Sebastian Giovinco → Jozy Altidore"
		back = "Taken back: goal for Toronto FC: Jozy Altidore | 6', New York City FC 0–0 Toronto FC"
	)
	observed := func(e event.Event, after time.Duration) event.Event {
		e.Time = e.Time.Add(after)
		return e
	}
	backfill := func(e event.Event, after time.Duration) event.Event {
		e.Data.Backfill = true
		return observed(e, after)
	}
	first := observed(consumertest.Goal(), -4*time.Minute)
	corrected := observed(consumertest.Corrected(first), -3*time.Minute)
	retracted := observed(consumertest.Retracted(corrected), -2*time.Minute)
	replay := first
	replay.Data.Replay = true
	// The parser has lost its state, so it reports the corrected goal as a new goal, with
	// revision 1.
	again := corrected
	again.Data.Action, again.Data.Rev, again.Data.Supersedes, again.Data.Changes = event.New, 1, "", nil
	again.ID = "with other data"
	later := observed(corrected, 10*time.Minute) // observed after the backfill
	const minute = time.Minute
	copied, copiedTwice := backfill(first, 3*minute), []event.Event{backfill(first, 3*minute), backfill(first, 3*minute)}
	for name, tc := range map[string]struct {
		events []event.Event
		want   string
		calls  int
	}{
		"the copy, then the goal":            {[]event.Event{copied, first}, goal, 1},
		"the copy twice, then the goal":      {append(copiedTwice, first), goal, 1},
		"the goal, then the copy":            {[]event.Event{first, copied, corrected}, edit, 2},
		"a copy with other data":             {[]event.Event{backfill(again, 3*minute), first}, goal, 1},
		"both revisions, copy of the first":  {[]event.Event{copied, first, corrected}, edit, 2},
		"both revisions, copy of the second": {[]event.Event{backfill(again, 3*minute), first, corrected}, edit, 2},
		"both revisions, the second first":   {[]event.Event{copied, corrected, first}, firstCorrected, 1},
		"both revisions, copy of the correction": {
			[]event.Event{backfill(corrected, 3*minute), first, corrected}, firstCorrected, 1,
		},
		"all three revisions":         {[]event.Event{copied, first, corrected, retracted}, back, 3},
		"the goal is retracted first": {[]event.Event{copied, retracted, first}, "", 0},
		"a correction observed later": {[]event.Event{copied, later}, "", 0},
		"two corrections observed later": {
			[]event.Event{backfill(first, 0), later, observed(consumertest.Corrected(later), 11*minute)}, "", 0,
		},
		"a later correction, after the goal": {[]event.Event{copied, first, later}, edit, 2},
		"a replay of the goal":               {[]event.Event{copied, replay, later}, "", 0},
		"an older goal, suppressed as old":   {[]event.Event{copied, observed(first, -2*time.Hour), corrected}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w, s := newHookWorld(t, "kinds: [goal]")
			for _, e := range tc.events {
				if err := w.deliver("hook", e); err != nil {
					t.Fatal(err)
				}
			}
			if got := titles(s); got != tc.want || s.called() != tc.calls {
				t.Errorf("after %d calls, shown: %s\nwant after %d calls: %s", s.called(), got, tc.calls, tc.want)
			}
		})
	}
}

// If sending a goal fails, a backfill copy that arrives before the next attempt does not suppress the goal.
func TestBackfillBetweenTwoAttempts(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){
		"refused":   func(w http.ResponseWriter) { w.WriteHeader(503) },
		"uncertain": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			w, s := newHookWorld(t, "kinds: [goal]")
			e := consumertest.Goal()
			s.set(answer)
			if err := w.deliver("hook", e); err == nil {
				t.Fatal("delivering the goal: no error, want one")
			}
			s.set(nil)
			backfill := e
			backfill.Data.Backfill, backfill.Time = true, e.Time.Add(time.Minute)
			for _, e := range []event.Event{backfill, e} {
				if err := w.deliver("hook", e); err != nil {
					t.Fatal(err)
				}
			}
			if want := "Goal for Toronto FC: Sebastian Giovinco | 6', New York City FC 0–1 Toronto FC"; titles(s) != want {
				t.Errorf("shown: got %q, want %q", titles(s), want)
			}
		})
	}
}

// After an event is sent, its correction is sent even if no rule matches the correction. The correction is
// then in the default language.
func TestLanguageOfACorrection(t *testing.T) {
	s := newHook(t)
	w := newWorld(t, "language: de\n"+hookSettings(s)+"rules:\n  - {players: [Sebastian Giovinco], kinds: [goal]}\n")
	e := consumertest.Goal()
	for _, e := range []event.Event{e, consumertest.Corrected(e)} {
		if err := w.deliver("hook", e); err != nil {
			t.Fatal(err)
		}
	}
	if got := titles(s); !strings.HasPrefix(got, "Berichtigt: Tor für Toronto FC: Jozy Altidore") {
		t.Errorf("shown: got %q, want a correction in German", got)
	}
}

// In quiet hours, news is suppressed. If a goal was sent earlier, its retraction is still sent.
func TestQuietHours(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().In(zone)
	clock := func(d time.Duration) string { return now.Add(d).Format("15:04") }
	rule := func(from, until time.Duration) string {
		return fmt.Sprintf("{kinds: [goal], quiet: {from: '%s', until: '%s', zone: Asia/Kolkata}}", clock(from), clock(until))
	}
	w, s := newHookWorld(t, rule(time.Hour, 2*time.Hour))
	e := consumertest.Goal()
	if err := w.deliver("hook", e); err != nil || s.called() != 1 {
		t.Fatalf("delivering before the quiet hours: error %v, %d calls, want no error and 1 call", err, s.called())
	}
	w.configure(strings.Split(w.settings, "rules:")[0] + "rules:\n  - " + rule(-time.Hour, time.Hour))
	if err := w.deliver("hook", consumertest.Other(e, 3)); err != nil || s.called() != 1 {
		t.Errorf("delivering in quiet hours: error %v, %d calls, want no error and still 1 call", err, s.called())
	}
	if err := w.deliver("hook", consumertest.Retracted(e)); err != nil || !strings.HasPrefix(titles(s), "Taken back") {
		t.Errorf("delivering a retraction in quiet hours: error %v, shown: %s, want no error and the retraction",
			err, titles(s))
	}
}

// A spoiler delay postpones events. If an event is retracted before the delay ends, nothing is sent. If an
// event is corrected, only the correction is sent.
func TestDelay(t *testing.T) {
	w, s := newHookWorld(t, "{kinds: [goal], delay: 90s}")
	e, retracted, corrected := consumertest.Goal(), consumertest.Goal(), consumertest.Goal()
	waiting := []event.Event{e, retracted, corrected,
		consumertest.Retracted(retracted), consumertest.Corrected(corrected)}
	for _, e := range waiting {
		var p *broker.PostponedError
		if err := w.deliver("hook", e); !errors.As(err, &p) || !p.Until.Equal(e.Time.Add(90*time.Second)) {
			t.Errorf("deliver: got error %v, want it postponed to 90 s after %v", err, e.Time)
		}
	}
	if s.called() > 0 {
		t.Fatalf("sent before the delay ended: %s, want nothing", titles(s))
	}
	for _, e := range waiting { // set the times back, so that the delay has ended
		e.Time = e.Time.Add(-2 * time.Minute)
		if err := w.deliver("hook", e); err != nil {
			t.Error(err)
		}
	}
	const want = "Goal for Toronto FC: Jozy Altidore | 6', New York City FC 0–1 Toronto FC; Goal for Toronto FC: " +
		"Sebastian Giovinco | 6', New York City FC 0–1 Toronto FC"
	if got := titles(s); s.called() != 2 || got != want {
		t.Errorf("after %d calls, shown: %s\nwant after 2 calls: %s", s.called(), got, want)
	}
}

// A channel sends the events that its rules match, and its queue is bound to their routing keys. The
// first rule that matches an event sets the language.
func TestRules(t *testing.T) {
	kind := func(k event.Kind) event.Event { return goal(t, func(d *event.Data) { d.Kind = k }) }
	status := func(s event.Status) event.Event {
		return goal(t, func(d *event.Data) { d.Kind, d.Match.Status = event.StatusChange, s })
	}
	for rule, tc := range map[string]struct{ sent, not []event.Event }{
		"{}": {
			[]event.Event{goal(t, nil), kind(event.RedCard), kind(event.MatchEnd)},
			[]event.Event{kind(event.YellowCard), kind(event.Substitution), status(event.Final)},
		},
		"{topics: ['soccer.mls.*']}":                {[]event.Event{goal(t, nil), kind(event.Substitution)}, nil},
		"{topics: ['*.*.yellow_card']}":             {[]event.Event{kind(event.YellowCard)}, []event.Event{goal(t, nil)}},
		"{topics: ['#'], kinds: [goal]}":            {[]event.Event{goal(t, nil)}, []event.Event{kind(event.RedCard)}},
		"{teams: [toronto fc]}":                     {[]event.Event{goal(t, nil)}, nil},
		"{teams: [New York City FC]}":               {[]event.Event{goal(t, nil)}, nil}, // the opponent of the scoring team
		"{teams: [Seattle Sounders FC]}":            {nil, []event.Event{goal(t, nil)}},
		"{players: [SEBASTIÁN GIOVINCO]}":           {[]event.Event{goal(t, nil)}, nil},
		"{kinds: [status_change]}":                  {[]event.Event{status(event.Postponed), status(event.Final)}, nil},
		"{players: [Altidore]}":                     {nil, []event.Event{goal(t, nil)}},
		"{topics: ['soccer.*.goal']}":               {[]event.Event{goal(t, nil)}, []event.Event{kind(event.RedCard)}},
		"{topics: ['soccer.#'], kinds: [red_card]}": {[]event.Event{kind(event.RedCard)}, []event.Event{goal(t, nil)}},
	} {
		w, s := newHookWorld(t, rule)
		for i, e := range append(slices.Clone(tc.sent), tc.not...) {
			if !event.MatchAny(w.Parts["hook"].Keys, e.Type) && i < len(tc.sent) {
				t.Errorf("rule %s: keys %v, want them to match %s", rule, w.Parts["hook"].Keys, e.Type)
			}
			before := s.called()
			if err := w.deliver("hook", e); err != nil || s.called() > before != (i < len(tc.sent)) {
				t.Errorf("rule %s: delivering %s: error %v, sent: %v, want no error and %v",
					rule, e.Type, err, s.called() > before, i < len(tc.sent))
			}
		}
	}
	w, s := newHookWorld(t, "{teams: [Toronto FC], language: de}\n  - {kinds: [goal], language: fr}")
	if err := w.deliver("hook", goal(t, nil)); err != nil || !strings.HasPrefix(titles(s), "Tor für Toronto FC") {
		t.Errorf("delivering with two rules: error %v, shown: %s, want no error and a goal in German", err, titles(s))
	}
	keys := w.Parts["hook"].Keys
	for _, key := range []string{"soccer.mls.goal", "soccer.mls.goal_corrected", "rugby.top14.goal_retracted"} {
		if !event.MatchAny(keys, key) {
			t.Errorf("keys %v, want them to match %s", keys, key)
		}
	}
}

// A channel with a rate of 3/h sends three notifications without a pause. It postpones other events, each to a
// different time.
func TestRate(t *testing.T) {
	s := newHook(t)
	w := newWorld(t, "channels:\n  hook: {rate: 3/h, webhook: {url: '"+s.URL+"', secret: "+webhookSecret+"}}\n")
	postponed := 0
	for range 5 {
		err := w.deliver("hook", consumertest.Goal())
		var p *broker.PostponedError
		if errors.As(err, &p) {
			postponed++
			in, want := time.Until(p.Until), time.Duration(20*postponed)*time.Minute
			if in < want-time.Minute || in > want+time.Minute {
				t.Errorf("postponed for %v, want %v, give or take a minute", in, want)
			}
		} else if err != nil {
			t.Error(err)
		}
	}
	if s.called() != 3 || postponed != 2 {
		t.Errorf("sent %d, postponed %d, want 3 and 2", s.called(), postponed)
	}
}

// A Retry-After header pauses the whole channel.
func TestPause(t *testing.T) {
	w, s := newHookWorld(t, "kinds: [goal]")
	s.set(func(rw http.ResponseWriter) { rw.Header().Set("Retry-After", "300"); rw.WriteHeader(429) })
	for range 3 {
		var p *broker.PostponedError
		if err := w.deliver("hook", consumertest.Goal()); !errors.As(err, &p) || time.Until(p.Until) < 290*time.Second {
			t.Errorf("deliver: got error %v, want it postponed by about 5 minutes", err)
		}
	}
	if s.called() != 1 {
		t.Errorf("calls to the service: got %d, want 1", s.called())
	}
}
