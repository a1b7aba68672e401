package reconcile_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// observed returns an observation of the soccer match m1.
func observed(status event.Status, period event.Period, score event.Score,
	in ...observation.Incident) observation.Observation {
	return observation.Observation{
		Sport: event.Soccer, League: "MLS", Score: &score, Incidents: in,
		Match: event.Match{ID: "m1", Home: "New York City FC", Away: "Toronto FC", Status: status, Period: period},
	}
}

func at(minute, stoppage int) event.Clock { return event.SoccerMinute("", minute, stoppage) }

func goalBy(side event.Side, player string, c event.Clock) observation.Incident {
	return observation.Incident{Kind: event.Goal, Side: side, Player: player, Clock: c}
}

// A story reconciles the pages of one match in order. It reads a page every 20 seconds.
type story struct {
	t     *testing.T
	state reconcile.State
	seq   int64
	now   time.Duration // time of the latest page since the start of the story; 20s for the first page

	lineScores []string // of the events of the latest page

	site, snapshot string    // suffix of the site, and snapshot, of the next pages; may be ""
	modified       time.Time // Last-Modified of the next pages; may be zero
	superseded     bool      // Provenance.Superseded of the next pages

	onEvent func(event.Event) // called with each event; may be nil
}

// from sets the suffix of the site of the next pages. It returns s.
func (s *story) from(site string) *story {
	s.site = site
	return s
}

// begin returns a story after its first page.
func begin(t *testing.T, first observation.Observation) *story {
	s := &story{t: t, state: reconcile.State{Epoch: "e1"}}
	s.read(first)
	return s
}

// read reconciles a page and returns its events as lines. It also checks that Match is
// deterministic and does not modify the state, and that the same page again causes no event.
func (s *story) read(o observation.Observation) []string {
	s.t.Helper()
	before, _ := json.Marshal(s.state)
	s.now += 20 * time.Second
	from := reconcile.Provenance{
		TID: event.NewTID(), Site: "/parser/test" + s.site, Tracker: "w" + s.site, At: time.Unix(1478476221, 0).Add(s.now),
		Modified: s.modified, Superseded: s.superseded, Evidence: event.Evidence{Snapshot: s.snapshot},
	}
	next, events, err := reconcile.Match(s.state, o, from)
	if err != nil {
		s.t.Fatal(err)
	}
	if after, _ := json.Marshal(s.state); string(before) != string(after) {
		s.t.Errorf("Match modified the state that was passed:\n%s\n%s", before, after)
	}
	again, sameEvents, _ := reconcile.Match(s.state, o, from)
	if !parsertest.SameJSON(next, again) || !parsertest.SameJSON(events, sameEvents) {
		s.t.Errorf("Match is not deterministic:\n%+v %+v\n%+v %+v", next, events, again, sameEvents)
	}
	if _, more, _ := reconcile.Match(next, o, from); len(more) > 0 {
		s.t.Errorf("the same page again causes %d events, want none", len(more))
	}
	var lines []string
	s.lineScores = nil
	for _, e := range events {
		if e.Data.LineScore != nil {
			s.lineScores = append(s.lineScores, e.Data.LineScore.String())
		}
		s.seq++
		if e.Data.Seq != s.seq || e.Data.Epoch != "e1" {
			s.t.Errorf("event %s has epoch %s and seq %d, want e1 and %d", e.Type, e.Data.Epoch, e.Data.Seq, s.seq)
		}
		lines = append(lines, parsertest.Line(e))
		if s.onEvent != nil {
			s.onEvent(e)
		}
	}
	s.state = next
	return lines
}

// expect reconciles a page and checks the lines of its events.
func (s *story) expect(o observation.Observation, want ...string) {
	s.t.Helper()
	if got := s.read(o); !slices.Equal(got, want) {
		s.t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestAMatchFromKickOffToFullTime(t *testing.T) {
	t.Parallel()
	giovinco := goalBy(event.Away, "Giovinco", at(6, 0))
	late := goalBy(event.Away, "Osorio", at(90, 1))
	card := observation.Incident{Kind: event.YellowCard, Side: event.Home, Player: "Brillant", Clock: at(45, 2)}
	sub := observation.Incident{Kind: event.Substitution, Side: event.Home, Player: "Lampard", Off: "Villa",
		Clock: at(60, 0)}
	s := begin(t, observed(event.Scheduled, "", event.Score{}))
	s.expect(observed(event.Live, "1h", event.Score{}), "match_start 0-0", "period_start 1h 0-0")
	s.expect(observed(event.Live, "1h", event.Score{Away: 1}, giovinco), "goal 6' away Giovinco 0-1")
	s.expect(observed(event.Live, "1h", event.Score{Away: 1}, giovinco))
	s.expect(observed(event.Break, "ht", event.Score{Away: 1}, giovinco, card), "yellow_card 45+2' home Brillant 0-1",
		"period_end 1h 0-1")
	s.expect(observed(event.Live, "2h", event.Score{Away: 1}, giovinco, card, sub), "period_start 2h 0-1",
		"substitution 60' home Lampard 0-1")
	s.expect(observed(event.Ended, "", event.Score{Away: 2}, giovinco, card, sub, late),
		"goal 90+1' away Osorio 0-2", "period_end 2h 0-2", "match_end 0-2 away by regulation")
	s.expect(observed(event.Final, "", event.Score{Away: 2}, giovinco, card, sub, late), "status_change final 0-2")
}

// The events of the first page are backfill, and those of the next pages are not.
func TestFirstPageIsBackfill(t *testing.T) {
	t.Parallel()
	s := &story{t: t, state: reconcile.State{Epoch: "e1"}}
	one, two := goalBy(event.Away, "Giovinco", at(6, 0)), goalBy(event.Home, "Villa", at(50, 0))
	s.expect(observed(event.Live, "2h", event.Score{Home: 1, Away: 1}, two, one),
		"match_start 0-0 backfill", "period_start 1h 0-0 backfill", "goal 6' away Giovinco 0-1 backfill",
		"period_end 1h 0-1 backfill",
		"period_start 2h 0-1 backfill", "goal 50' home Villa 1-1 backfill")
	s.expect(observed(event.Live, "2h", event.Score{Home: 2, Away: 1}, goalBy(event.Home, "Lampard", at(70, 0)), two, one),
		"goal 70' home Lampard 2-1")
}

// The IDs of incidents and events depend only on the facts, so two parsers compute the same IDs.
func TestTwoParsersComputeTheSameIDs(t *testing.T) {
	t.Parallel()
	o := observed(event.Live, "1h", event.Score{Away: 1}, goalBy(event.Away, "Giovinco", at(6, 0)))
	read := func(epoch string) []string {
		from := reconcile.Provenance{TID: event.NewTID(), Site: "/parser/" + epoch, At: time.Now()}
		_, events, err := reconcile.Match(reconcile.State{Epoch: epoch}, o, from)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, e := range events {
			ids = append(ids, e.ID+e.Data.Incident)
		}
		return ids
	}
	if a, b := read("a"), read("b"); !slices.Equal(a, b) || len(a) != 3 {
		t.Errorf("IDs of two parsers:\n%v\n%v\nwant the same three IDs", a, b)
	}
}

// live returns an observation of the second half in the given minute.
func live(minute int, score event.Score, in ...observation.Incident) observation.Observation {
	o := observed(event.Live, "2h", score, in...)
	o.Match.Clock = event.SoccerMinute("2h", minute, 0)
	return o
}

// Names in other scripts are compared like Latin names.
func TestNamesInAnyScript(t *testing.T) {
	t.Parallel()
	o := live(51, event.Score{Home: 1}, goalBy(event.Home, "Иванов", at(50, 0)))
	o.Match.Home, o.Match.Away = "Спартак", "Зенит"
	s := begin(t, o)
	o = live(52, event.Score{Home: 1}, goalBy(event.Home, "Петров", at(50, 0)))
	o.Match.Home, o.Match.Away = "Спартак", "Зенит"
	s.expect(o, "goal_corrected 50' home Петров 1-0 player:Иванов→Петров")
	o.Match.Home = "Динамо"
	if _, _, err := reconcile.Match(s.state, o, reconcile.Provenance{}); !errors.Is(err, reconcile.ErrOtherMatch) {
		t.Errorf("another team: error %v, want ErrOtherMatch", err)
	}
}

// The state does not grow with every score_change.
func TestStateIsBounded(t *testing.T) {
	t.Parallel()
	o := observed(event.Live, "q1", event.Score{})
	o.Sport = event.Basketball
	s := begin(t, o)
	for n := range 500 {
		o.Score = &event.Score{Home: n}
		s.read(o)
	}
	if len(s.state.Tracked) > 10 {
		t.Errorf("%d incidents are tracked, want at most 10", len(s.state.Tracked))
	}
}

// Match does not time out on a page with ten thousand rows.
func TestManyRows(t *testing.T) {
	testenv.NotShort(t)
	t.Parallel()
	o := live(80, event.Score{})
	rows := 10_000
	if testenv.Race {
		rows = 4_000 // the detector multiplies the time
	}
	for n := range rows {
		o.Incidents = append(o.Incidents, observation.Incident{Kind: event.YellowCard, Side: event.Home,
			Player: "Jos\u00e9 " + string(rune('A'+n%26)), Clock: at(1+n%90, n/90%10)})
	}
	if _, _, err := reconcile.Match(reconcile.State{Epoch: "e"}, o, parsertest.Provenance(parsertest.Noon)); err != nil {
		t.Fatal(err)
	}
}

// A player's name with letters that Unicode does not decompose, such as ø, equals the name in plain
// letters.
func TestLettersWithAStroke(t *testing.T) {
	t.Parallel()
	s := begin(t, observed(event.Live, "1h", event.Score{}))
	s.expect(observed(event.Live, "1h", event.Score{Home: 1}, goalBy(event.Home, "Bj\u00f8rn S\u0142awek", at(10, 0))),
		"goal 10' home Bj\u00f8rn S\u0142awek 1-0")
	s.expect(observed(event.Live, "1h", event.Score{Home: 1}, goalBy(event.Home, "Bjorn Slawek", at(10, 0))))
}
