package reconcile_test

import (
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

func kick(side event.Side, player, detail string) observation.Incident {
	return observation.Incident{Kind: event.ShootoutKick, Side: side, Player: player, Detail: detail}
}

// Rows of a shoot-out can appear late or disappear, and kicks are retracted like other incidents. The
// tally is the number of scored kicks.
func TestShootOutRows(t *testing.T) {
	t.Parallel()
	so := func(tally *event.Score, in ...observation.Incident) observation.Observation {
		o := observed(event.Live, "so", event.Score{}, in...)
		o.Shootout = tally
		return o
	}
	a, b, c, d := kick("home", "A", "scored"), kick("home", "B", "missed"), kick("home", "C", "scored"),
		kick("home", "D", "scored")
	s := begin(t, so(nil))
	s.expect(so(&event.Score{Home: 1}), "score_change 0-0")
	s.expect(so(&event.Score{Home: 1}, a), "shootout_kick home A scored 0-0")
	s.expect(so(&event.Score{Home: 2}, a, b, c), "shootout_kick home B missed 0-0", "shootout_kick home C scored 0-0")
	s.expect(so(&event.Score{Home: 3}, a, c, d), "shootout_kick home D scored 0-0") // the row of B is missing
	s.expect(so(&event.Score{Home: 3}, a, b, c, d))
	b.Player = "Bee"
	s.expect(so(&event.Score{Home: 3}, a, b, c, d), "shootout_kick_corrected home Bee missed 0-0 player:B→Bee")
	if *s.state.Shootout != (event.Score{Home: 3}) {
		t.Errorf("tally %v, want 3-0", s.state.Shootout)
	}
	for range 6 {
		s.expect(so(&event.Score{Home: 2}, a, b, c))
	}
	s.expect(so(&event.Score{Home: 2}, a, b, c), "shootout_kick_retracted home D scored 0-0")
	if *s.state.Shootout != (event.Score{Home: 2}) {
		t.Errorf("tally %v after a kick was retracted, want 2-0", s.state.Shootout)
	}
}

// A kick that is listed again after its retraction is a new incident. Otherwise, its event would have the
// ID of the first report, and consumers would drop it.
func TestKickAfterItsRetraction(t *testing.T) {
	t.Parallel()
	so := func(in ...observation.Incident) observation.Observation {
		o := observed(event.Live, "so", event.Score{}, in...)
		o.Shootout = &event.Score{Home: len(in)}
		return o
	}
	a, b := kick("home", "A", "scored"), kick("home", "B", "scored")
	s := begin(t, so())
	s.expect(so(a, b), "shootout_kick home A scored 0-0", "shootout_kick home B scored 0-0")
	first := map[string]bool{}
	for _, in := range s.state.Tracked {
		first[in.ID] = true
	}
	for range 8 {
		s.read(so(a))
	}
	s.expect(so(a, b), "shootout_kick home B scored 0-0")
	if in := s.state.Tracked[len(s.state.Tracked)-1]; first[in.ID] {
		t.Errorf("the kick of %s has the ID of its retracted report, want a new ID", in.Player)
	}
}

// If a kick's player is corrected while the row of an earlier kick is missing, the correction belongs to
// the kick whose player has a similar name.
func TestKickCorrectedWhileARowIsMissing(t *testing.T) {
	t.Parallel()
	so := func(in ...observation.Incident) observation.Observation {
		return observed(event.Live, "so", event.Score{}, in...)
	}
	a, b := kick("away", "Oliver Stone", "scored"), kick("away", "Mistaken Jordan Ash", "scored")
	corrected := kick("away", "Jordan Ash", "scored")
	s := begin(t, so())
	s.expect(so(a, b), "shootout_kick away Oliver Stone scored 0-0", "shootout_kick away Mistaken Jordan Ash scored 0-0")
	s.expect(so(corrected),
		"shootout_kick_corrected away Jordan Ash scored 0-0 player:Mistaken Jordan Ash→Jordan Ash")
	s.expect(so(a, corrected))
}

// A kick that is listed twice counts once if the tally includes it once. A tally is accepted even if
// rows are missing.
func TestShootOutListedTwice(t *testing.T) {
	t.Parallel()
	a, b := kick("home", "A", "scored"), kick("away", "B", "scored")
	o := observed(event.Live, "so", event.Score{}, a, b, a, b)
	o.Shootout = &event.Score{Home: 1, Away: 1}
	s := begin(t, observed(event.Live, "so", event.Score{}))
	s.expect(o, "shootout_kick home A scored 0-0", "shootout_kick away B scored 0-0")
	final := observed(event.Final, "", event.Score{}, a, b)
	final.Shootout = &event.Score{Home: 5, Away: 4}
	s.expect(final, "period_end so 0-0", "match_end 0-0 home by shootout")
	if *s.state.Shootout != *final.Shootout {
		t.Errorf("tally %v, want %v", s.state.Shootout, final.Shootout)
	}
}

// Without listed kicks, the tally is the page's tally. With listed kicks, a correction of a kick
// changes the tally.
func TestShootOutTally(t *testing.T) {
	t.Parallel()
	s := begin(t, observed(event.Live, "2h", event.Score{}))
	o := observed(event.Live, "so", event.Score{})
	o.Shootout = &event.Score{Home: 5, Away: 4} // the page lists no kicks
	s.expect(o, "period_end 2h 0-0", "period_start so 0-0", "score_change 0-0")
	if *s.state.Shootout != (event.Score{Home: 5, Away: 4}) {
		t.Errorf("tally %v, want 5-4", s.state.Shootout)
	}
	s = begin(t, observed(event.Live, "so", event.Score{}, kick(event.Home, "A", event.Missed)))
	s.expect(observed(event.Live, "so", event.Score{}, kick(event.Home, "A", event.Scored)),
		"shootout_kick_corrected home A scored 0-0 detail:missed→scored")
	if *s.state.Shootout != (event.Score{Home: 1}) {
		t.Errorf("tally %v after the correction, want 1-0", s.state.Shootout)
	}
}

// In ice hockey, the winner of the shoot-out gets one more goal in the score. That goal is not
// reported.
func TestHockeyShootOut(t *testing.T) {
	t.Parallel()
	show := func(status event.Status, period event.Period, score event.Score, tally *event.Score) observation.Observation {
		o := observed(status, period, score)
		o.Sport, o.Shootout = event.IceHockey, tally
		return o
	}
	s := begin(t, show(event.Live, "ot1", event.Score{Home: 2, Away: 2}, nil))
	s.expect(show(event.Live, "so", event.Score{Home: 2, Away: 2}, &event.Score{Home: 1}), "period_end ot1 2-2",
		"period_start so 2-2", "score_change 2-2")
	s.expect(show(event.Final, "so", event.Score{Home: 3, Away: 2}, &event.Score{Home: 2, Away: 1}), "score_change 2-2",
		"period_end so 2-2", "match_end 2-2 home by shootout")
}

// The event of each kick has the tally after the kick, in the order of the page. Events from before the
// shoot-out do not have the tally of the page.
func TestTallyCountsUp(t *testing.T) {
	t.Parallel()
	attempt := func(side event.Side, player, detail string) observation.Incident {
		return observation.Incident{Kind: event.ShootoutAttempt, Side: side, Player: player, Detail: detail,
			Clock: event.Clock{Period: event.ShootOut}}
	}
	show := func(sport event.Sport, status event.Status, period event.Period, tally event.Score,
		in ...observation.Incident) observation.Observation {
		o := observed(status, period, event.Score{Home: 1, Away: 1}, in...)
		o.Sport, o.Shootout = sport, &tally
		return o
	}
	none := event.Score{}
	kicks := []observation.Incident{kick("home", "A", "scored"), kick("away", "B", "missed"),
		kick("home", "C", "scored"), kick("away", "D", "scored")}
	attempts := []observation.Incident{attempt("away", "A", "missed"), attempt("home", "B", "scored"),
		attempt("away", "C", "scored"), attempt("home", "D", "saved")}
	for name, tc := range map[string]struct {
		pages []observation.Observation
		want  string
	}{
		"kicks on one page": {
			[]observation.Observation{show(event.Soccer, event.Live, "so", event.Score{Home: 2, Away: 1}, kicks...)},
			"period_end – period_start 0-0 shootout_kick A 1-0 shootout_kick B 1-0 shootout_kick C 2-0 shootout_kick D 2-1"},
		"attempts on one page": {
			[]observation.Observation{show(event.IceHockey, event.Live, "so", event.Score{Home: 1, Away: 1}, attempts...)},
			"period_end – period_start 0-0 shootout_attempt A 0-0 shootout_attempt B 1-0 shootout_attempt C 1-1 " +
				"shootout_attempt D 1-1"},
		"attempts on two pages": {[]observation.Observation{
			show(event.IceHockey, event.Live, "so", event.Score{Home: 1}, attempts[:2]...),
			show(event.IceHockey, event.Final, "so", event.Score{Home: 1, Away: 2}, attempts...)},
			"period_end – period_start 0-0 shootout_attempt A 0-0 shootout_attempt B 1-0 shootout_attempt C 1-1 " +
				"shootout_attempt D 1-1 period_end 1-2 match_end 1-2"},
		"the end on the same page": {[]observation.Observation{
			show(event.Soccer, event.Final, "so", event.Score{Home: 2, Away: 1}, kicks...)},
			"period_end – period_start 0-0 shootout_kick A 1-0 shootout_kick B 1-0 shootout_kick C 2-0 shootout_kick D 2-1 " +
				"period_end 2-1 match_end 2-1"},
		"without rows": {[]observation.Observation{show(event.Soccer, event.Live, "so", none),
			show(event.Soccer, event.Live, "so", event.Score{Home: 1}),
			show(event.Soccer, event.Live, "so", event.Score{Home: 1, Away: 1})},
			"period_end – period_start 0-0 score_change 1-0 score_change 1-1"},
		"the start and a tally on one page": {
			[]observation.Observation{show(event.Soccer, event.Live, "so", event.Score{Home: 1})},
			"period_end – period_start – score_change 1-0"},
		"a card from the second half": {[]observation.Observation{show(event.Soccer, event.Live, "so", event.Score{Home: 1}),
			show(event.Soccer, event.Live, "so", event.Score{Home: 2},
				observation.Incident{Kind: event.YellowCard, Side: event.Away, Player: "Y", Clock: at(80, 0)})},
			"period_end – period_start – score_change 1-0 yellow_card Y 1-0 score_change 2-0"},
	} {
		before := event.Period("2h")
		sport := tc.pages[0].Sport
		if sport == event.IceHockey {
			before = "ot1"
		}
		first := observed(event.Live, before, event.Score{Home: 1, Away: 1})
		first.Sport = sport
		s := begin(t, first)
		var got []string
		for _, page := range tc.pages {
			s.onEvent = func(e event.Event) {
				tally := "–"
				if e.Data.Shootout != nil {
					tally = e.Data.Shootout.String()
				}
				got = append(got, strings.TrimSpace(string(e.Data.Kind)+" "+e.Data.Player), tally)
			}
			s.read(page)
		}
		if line := strings.Join(got, " "); line != tc.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, line, tc.want)
		}
	}
}
