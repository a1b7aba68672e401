package reconcile

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile/internal/pagerows"
)

var kickOff = time.Date(2026, 2, 14, 15, 0, 0, 0, time.UTC)

// minute returns a clock in the first half, and secondHalf a clock in the second half.
func minute(m int) event.Clock     { return event.Clock{Period: "1h", Minute: m} }
func secondHalf(m int) event.Clock { return event.Clock{Period: "2h", Minute: m} }

func TestCheckSameMatch(t *testing.T) {
	t.Parallel()
	known := State{Match: event.Match{ID: "m", Home: "Ajax", Away: "PSV", Status: event.Live, Start: kickOff},
		Views: map[string]View{"site": {PageID: "g-1"}}}
	for name, tc := range map[string]struct {
		known  State
		away   string
		start  time.Time
		pageID string
		same   bool
	}{
		"the same match":                      {known, "PSV", kickOff, "g-1", true},
		"other teams":                         {known, "Feyenoord", kickOff, "g-1", false},
		"other teams, no saved state":         {State{}, "Feyenoord", kickOff, "g-1", true},
		"another ID on the same site":         {known, "PSV", kickOff, "g-2", false},
		"the same ID, resumed on another day": {known, "PSV", kickOff.Add(24 * time.Hour), "g-1", true},
		"no ID, another day":                  {known, "PSV", kickOff.Add(24 * time.Hour), "", false},
		"no ID, kick-off times of two sites":  {known, "PSV", kickOff.Add(12 * time.Hour), "", true},
		"no ID, no kick-off time":             {known, "PSV", time.Time{}, "", true},
		"a damaged name":                      {known, "P?V", kickOff, "g-1", true},
	} {
		o := observation.Observation{Match: event.Match{Home: "Ajax", Away: tc.away, Start: tc.start}, PageID: tc.pageID}
		if err := checkSameMatch(&tc.known, &o, &Provenance{Site: "site"}); (err == nil) != tc.same || err != nil &&
			!errors.Is(err, ErrOtherMatch) {
			t.Errorf("%s: error %v, want ErrOtherMatch: %t", name, err, !tc.same)
		}
	}
}

func TestPlayedScore(t *testing.T) {
	t.Parallel()
	drawn := State{Score: &event.Score{Home: 1, Away: 1}}
	for name, tc := range map[string]struct {
		known    State
		sport    event.Sport
		status   event.Status
		score    event.Score
		shootout *event.Score
		want     string
	}{
		"no shoot-out": {drawn, event.Soccer, event.Live, event.Score{Home: 6, Away: 5}, nil, "6-5"},
		"kicks added to the score": {drawn, event.Soccer, event.Final, event.Score{Home: 6, Away: 5},
			&event.Score{Home: 5, Away: 4}, "1-1"},
		"kicks apart from the score": {drawn, event.Soccer, event.Final, event.Score{Home: 1, Away: 1},
			&event.Score{Home: 5, Away: 4}, "1-1"},
		"in ice hockey, a goal for the winner": {drawn, event.IceHockey, event.Final, event.Score{Home: 2, Away: 1},
			&event.Score{Home: 5, Away: 4}, "1-1"},
		"a shoot-out that has not begun": {drawn, event.Soccer, event.Live, event.Score{Home: 1, Away: 1},
			&event.Score{}, "1-1"},
		"an awarded result": {drawn, event.Soccer, event.Awarded, event.Score{Home: 3}, nil, "none"},
		"final after it was awarded": {State{Match: event.Match{Status: event.Awarded}}, event.Soccer, event.Final,
			event.Score{Home: 3}, nil, "none"},
	} {
		o := observation.Observation{Sport: tc.sport, Match: event.Match{Status: tc.status}, Score: &tc.score,
			Shootout: tc.shootout}
		got := "none"
		if s := playedScore(&tc.known, &o); s != nil {
			got = s.String()
		}
		if got != tc.want {
			t.Errorf("%s: score %s, want %s", name, got, tc.want)
		}
	}
}

func TestResumedMatch(t *testing.T) {
	t.Parallel()
	halfTime := State{Match: event.Match{Period: event.HalfTime},
		Views: map[string]View{"": {Snapshot: "b", Superseded: []string{"a"}}}}
	for name, tc := range map[string]struct {
		known    State
		page     event.Match
		snapshot string
		want     event.Match
	}{
		"live again": {halfTime, event.Match{Status: event.Live, Clock: event.Clock{Minute: 46}}, "c",
			event.Match{Status: event.Live, Period: "2h", Clock: secondHalf(46)}},
		"over": {halfTime, event.Match{Status: event.Ended}, "c",
			event.Match{Status: event.Ended, Period: "2h"}},
		"the page names the period": {halfTime, event.Match{Status: event.Live, Period: "1h"}, "c",
			event.Match{Status: event.Live, Period: "1h"}},
		"still in the break":           {halfTime, event.Match{Status: event.Break}, "c", event.Match{Status: event.Break}},
		"a page from before the break": {halfTime, event.Match{Status: event.Live}, "a", event.Match{Status: event.Live}},
		"no break before": {State{Match: event.Match{Period: "1h"}}, event.Match{Status: event.Live}, "c",
			event.Match{Status: event.Live}},
	} {
		o := observation.Observation{Sport: event.Soccer, Match: tc.page}
		if got := resumedMatch(&tc.known, &o, &Provenance{Evidence: event.Evidence{Snapshot: tc.snapshot}}); got != tc.want {
			t.Errorf("%s: match %+v, want %+v", name, got, tc.want)
		}
	}
}

func TestWithoutRepeats(t *testing.T) {
	t.Parallel()
	goal := observation.Incident{Kind: event.Goal, Side: event.Home, Player: "Villa", Clock: minute(10)}
	assisted := goal
	assisted.Assist = "Pirlo"
	card := observation.Incident{Kind: event.YellowCard, Side: event.Home, Player: "Villa", Clock: minute(10)}
	nameless := card
	nameless.Player = ""
	for name, tc := range map[string]struct {
		goals int
		rows  []observation.Incident
		want  []observation.Incident
	}{
		"a goal listed twice": {1, []observation.Incident{goal, card, goal},
			[]observation.Incident{goal, card}},
		"the second row has more attributes": {1, []observation.Incident{goal, assisted}, []observation.Incident{assisted}},
		"two goals in one minute":            {2, []observation.Incident{goal, goal}, []observation.Incident{goal, goal}},
		"a card listed twice":                {0, []observation.Incident{card, card}, []observation.Incident{card}},
		"two cards without a player": {0, []observation.Incident{nameless, nameless},
			[]observation.Incident{nameless, nameless}},
	} {
		o := observation.Observation{Sport: event.Soccer, Score: &event.Score{Home: tc.goals}, Incidents: tc.rows}
		if got := pagerows.WithoutRepeats(&o); !slices.Equal(got, tc.want) {
			t.Errorf("%s: rows %+v, want %+v", name, got, tc.want)
		}
	}
}

func TestInOrder(t *testing.T) {
	t.Parallel()
	row := func(player string, c event.Clock) observation.Incident {
		return observation.Incident{Kind: event.YellowCard, Player: player, Clock: c}
	}
	for name, rows := range map[string][]observation.Incident{
		"in order":             {row("a", minute(3)), row("b", minute(3)), row("c", minute(9)), row("d", secondHalf(50))},
		"latest first":         {row("d", secondHalf(50)), row("c", minute(9)), row("b", minute(3)), row("a", minute(3))},
		"one row out of place": {row("d", secondHalf(50)), row("a", minute(3)), row("b", minute(3)), row("c", minute(9))},
		"a row without a clock": {row("a", minute(3)), row("b", event.Clock{}),
			row("c", minute(9)), row("d", secondHalf(50))},
	} {
		before, players := slices.Clone(rows), ""
		for _, in := range pagerows.InOrder(event.Soccer, rows) {
			players += in.Player
		}
		if players != "abcd" || !slices.Equal(rows, before) {
			t.Errorf("%s: order %s, want abcd and rows unchanged", name, players)
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	noon := kickOff.Add(time.Hour)
	shown := View{Rank: 1, Clock: secondHalf(60), Modified: noon, Score: &event.Score{Home: 1}, Snapshot: "b",
		Superseded: []string{"a"}}
	long := shown
	long.Hold = &Hold{Polls: 2, Lasted: time.Minute, Last: noon.Add(-time.Minute)}
	other := map[string]time.Time{"other w": noon}
	for name, tc := range map[string]struct {
		view     View
		site     string
		seen     map[string]time.Time
		minute   int
		score    int
		snapshot string
		modified time.Time
		want     verdict
	}{
		"a later clock":                      {shown, "site", nil, 61, 1, "c", time.Time{}, fresh},
		"a later clock, a lower score":       {shown, "site", nil, 61, 0, "c", time.Time{}, fresh},
		"a later Last-Modified":              {shown, "site", nil, 60, 1, "c", noon.Add(time.Second), fresh},
		"the same clock":                     {shown, "site", nil, 60, 1, "c", time.Time{}, accepted},
		"an earlier clock":                   {shown, "site", nil, 59, 1, "c", time.Time{}, deferred},
		"an earlier Last-Modified":           {shown, "site", nil, 60, 1, "c", noon.Add(-time.Second), deferred},
		"a lower score":                      {shown, "site", nil, 60, 0, "c", time.Time{}, deferred},
		"bytes that were replaced":           {shown, "site", nil, 60, 1, "a", time.Time{}, deferred},
		"an earlier clock on the third page": {long, "site", nil, 59, 1, "c", time.Time{}, overdue},
		"a new site, one goal fewer":         {shown, "new", other, 60, 0, "c", time.Time{}, deferred},
		"a new site, the same score":         {shown, "new", other, 60, 1, "c", time.Time{}, accepted},
	} {
		known := State{Match: event.Match{ID: "m", Status: event.Live, Period: "2h"}, Score: &event.Score{Home: 1},
			Views: map[string]View{"site": tc.view}, Seen: tc.seen}
		if tc.site == "new" {
			known.Views["other"] = tc.view
		}
		o := observation.Observation{Sport: event.Soccer, Score: &event.Score{Home: tc.score},
			Match: event.Match{Status: event.Live, Period: "2h", Clock: secondHalf(tc.minute)}}
		from := Provenance{Site: tc.site, Tracker: "w", At: noon, Modified: tc.modified,
			Evidence: event.Evidence{Snapshot: tc.snapshot}}
		got, view := judge(&known, &o, &from)
		if got != tc.want {
			t.Errorf("%s: verdict %d, want %d", name, got, tc.want)
		}
		if (view.Hold != nil) != (tc.want == deferred) || tc.want != deferred && view.Snapshot != tc.snapshot {
			t.Errorf("%s: view %+v, want a hold if the page is deferred, otherwise the snapshot %q", name, view, tc.snapshot)
		}
	}
}

func TestDecideScore(t *testing.T) {
	t.Parallel()
	doubt := func(polls int, lasted time.Duration, home int) *Doubt {
		return &Doubt{Hold: Hold{Polls: polls, Lasted: lasted, Last: kickOff}, Score: event.Score{Home: home}}
	}
	for name, tc := range map[string]struct {
		score int // score of the home side; the saved score is 2
		by    verdict
		doubt *Doubt
		want  scoreDecision
	}{
		"one goal more":  {3, accepted, nil, scoreDecision{}},
		"the same score": {2, fresh, doubt(1, 0, 1), scoreDecision{}},
		"one goal fewer": {1, fresh, nil,
			scoreDecision{doubtful: true, lost: event.Score{Home: 1}}},
		"one goal fewer on a second fresh page": {1, fresh, doubt(1, 0, 1), scoreDecision{mayRetract: true}},
		"one goal fewer on the same page again": {1, accepted, doubt(1, 0, 1), scoreDecision{doubtful: true}},
		"one goal fewer on the same page for confirmFor": {1, accepted,
			doubt(1, confirmFor, 1), scoreDecision{mayRetract: true}},
		"two goals fewer after one goal fewer": {0, fresh, doubt(1, 0, 1),
			scoreDecision{doubtful: true, lost: event.Score{Home: 2}}},
		"one goal fewer on an overdue page": {1, overdue, nil, scoreDecision{mayRetract: true}},
		"a leap":                            {9, fresh, nil, scoreDecision{doubtful: true}},
		"a leap on a second fresh page":     {9, fresh, doubt(1, 0, 9), scoreDecision{}},
		"another leap":                      {10, fresh, doubt(1, 0, 9), scoreDecision{doubtful: true}},
	} {
		known := State{Score: &event.Score{Home: 2}}
		o := observation.Observation{Sport: event.Soccer, Score: &event.Score{Home: tc.score}}
		got, view := decideScore(&known, &o, &Provenance{At: kickOff}, tc.by, View{Doubt: tc.doubt})
		if got != tc.want {
			t.Errorf("%s: decision %+v, want %+v", name, got, tc.want)
		}
		if (view.Doubt != nil) != tc.want.doubtful || (view.Score != nil) == tc.want.doubtful {
			t.Errorf("%s: view %+v, want a doubt, and no score, only if the score is doubtful", name, view)
		}
	}
}

func TestMergeFacts(t *testing.T) {
	t.Parallel()
	was := event.Match{ID: "m", Home: "Ajax", Away: "P?V", Status: event.Live, Period: "2h", Clock: secondHalf(60),
		Start: kickOff}
	whole := was
	whole.Away = "PSV"
	with := func(change func(m *event.Match)) event.Match {
		m := whole
		change(&m)
		return m
	}
	for name, tc := range map[string]struct {
		page event.Match
		by   verdict
		want event.Match
	}{
		"a page with only names": {event.Match{Home: "AJAX", Away: "PSV"}, accepted, whole},
		"a later clock": {event.Match{Away: "PSV", Period: "2h", Clock: secondHalf(61)}, fresh,
			with(func(m *event.Match) { m.Clock = secondHalf(61) })},
		"an earlier clock": {event.Match{Away: "PSV", Period: "2h", Clock: secondHalf(59)}, accepted, whole},
		"an earlier clock on an overdue page": {event.Match{Away: "PSV", Period: "2h", Clock: secondHalf(59)}, overdue,
			with(func(m *event.Match) { m.Clock = secondHalf(59) })},
		"the match is over": {event.Match{Away: "PSV", Status: event.Ended}, fresh,
			with(func(m *event.Match) { m.Status = event.Ended })},
	} {
		known := State{League: "Eredivisie", Match: was}
		o := observation.Observation{Sport: event.Soccer, League: "Ere", Match: tc.page}
		league, got := mergeFacts(&known, &o, &Provenance{}, tc.by)
		if got != tc.want || league != "Eredivisie" {
			t.Errorf("%s: league %s, match %+v, want Eredivisie, %+v", name, league, got, tc.want)
		}
	}
	for name, tc := range map[string]struct {
		o    observation.Observation
		want event.Status
	}{
		"nothing has happened":      {observation.Observation{Score: &event.Score{}}, event.Scheduled},
		"a score":                   {observation.Observation{Score: &event.Score{Away: 1}}, event.Live},
		"a row":                     {observation.Observation{Incidents: make([]observation.Incident, 1)}, event.Live},
		"the page shows the status": {observation.Observation{Match: event.Match{Status: event.Postponed}}, event.Postponed},
	} {
		if _, got := mergeFacts(&State{}, &tc.o, &Provenance{}, accepted); got.Status != tc.want {
			t.Errorf("%s: status %s, want %s", name, got.Status, tc.want)
		}
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	was := observation.Incident{Kind: event.Goal, Player: "Behich", Detail: event.OwnGoal, Clock: minute(37)}
	for name, tc := range map[string]struct {
		row     observation.Incident
		addOnly bool
		want    map[string]event.Change
	}{
		"the same name in capitals": {observation.Incident{Player: "BEHICH", Detail: event.OwnGoal, Clock: minute(37)},
			false,
			nil},
		"an empty row": {observation.Incident{}, false, nil},
		"a minute later": {observation.Incident{Player: "Behich", Detail: event.OwnGoal, Clock: minute(38)}, false,
			map[string]event.Change{"time": {Old: "37'", New: "38'"}}},
		"another player": {observation.Incident{Player: "Pogba", Clock: minute(37)}, false,
			map[string]event.Change{"player": {Old: "Behich", New: "Pogba"}, "detail": {Old: "own_goal"}}},
		"a damaged name":      {observation.Incident{Player: "P?gba"}, false, nil},
		"another site's name": {observation.Incident{Player: "A. Behich", Clock: minute(38)}, true, nil},
		"another site's assist": {observation.Incident{Assist: "Kante"}, true,
			map[string]event.Change{"assist": {New: "Kante"}}},
	} {
		tracked := TrackedIncident{Incident: was}
		got := tracked.update(&tc.row, tc.addOnly)
		if len(got) != len(tc.want) {
			t.Errorf("%s: changes %v, want %v", name, got, tc.want)
		}
		for member, change := range tc.want {
			if got[member] != change {
				t.Errorf("%s: %s %+v, want %+v", name, member, got[member], change)
			}
		}
	}
}

func TestCompareClock(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		a, b event.Clock
		want int
	}{
		"a minute later":             {minute(10), minute(9), 1},
		"a minute earlier":           {minute(9), minute(10), -1},
		"stoppage time":              {event.Clock{Period: "1h", Minute: 45, Stoppage: 2}, minute(45), 1},
		"the next half, same minute": {secondHalf(46), minute(46), 1},
		"no period":                  {event.Clock{Minute: 50}, minute(10), 0},
		"no clock":                   {event.Clock{Period: "1h"}, minute(10), 0},
		"a clock and no clock":       {minute(10), event.Clock{Period: "1h"}, 1},
		"seconds":                    {event.Clock{Period: "q1", Elapsed: 61}, event.Clock{Period: "q1", Elapsed: 60}, 1},
		"seconds in one clock only":  {event.Clock{Period: "1h", Minute: 10, Elapsed: 599}, minute(10), 0},
	} {
		sport := event.Soccer
		if tc.a.Period == "q1" {
			sport = event.Basketball
		}
		if got := compareClock(sport, tc.a, tc.b); got != tc.want {
			t.Errorf("%s: compareClock = %d, want %d", name, got, tc.want)
		}
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	var h *Hold
	// Between the last two polls, the computer's clock is set back.
	for _, after := range []time.Duration{0, 20 * time.Second, time.Hour, time.Hour - time.Second} {
		h = h.extended(kickOff.Add(after))
	}
	if h.Polls != 4 || h.Lasted != 80*time.Second {
		t.Errorf("hold %+v, want 4 polls over 80s", h)
	}
	if !h.overdue(4, 80*time.Second) || h.overdue(5, 0) || h.overdue(0, 81*time.Second) {
		t.Errorf("hold %+v: overdue must compare both the polls and the time", h)
	}
}

func TestWasPlayed(t *testing.T) {
	t.Parallel()
	shown := func(all ...event.Period) map[event.Period]bool {
		set := map[event.Period]bool{}
		for _, p := range all {
			set[p] = true
		}
		return set
	}
	for name, tc := range map[string]struct {
		period event.Period
		shown  map[event.Period]bool
		want   bool
	}{
		"the first half, if the second is shown":   {"1h", shown("2h"), true},
		"extra time, if its second half is shown":  {"et1", shown("et2"), true},
		"extra time, if only a shoot-out is shown": {"et1", shown("2h", event.ShootOut), false},
		"extra time and a shoot-out":               {"et1", shown("et1", event.ShootOut), true},
		"a shoot-out":                              {event.ShootOut, shown(event.ShootOut), true},
	} {
		if got := wasPlayed(event.Soccer, tc.period, tc.shown); got != tc.want {
			t.Errorf("%s: wasPlayed = %t, want %t", name, got, tc.want)
		}
	}
}

func TestPlacesBetween(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		places   []int
		row      int
		from, to int
	}{
		"nothing paired":                  {[]int{0, 0}, 0, 0, 3},
		"before a paired row":             {[]int{0, 2}, 0, 0, 1},
		"after a paired row":              {[]int{2, 0}, 1, 2, 3},
		"between two paired rows":         {[]int{1, 0, 3}, 1, 1, 2},
		"no kick between two paired rows": {[]int{1, 0, 2}, 1, 1, 1},
	} {
		if from, to := placesBetween(tc.places, tc.row, 3); from != tc.from || to != tc.to {
			t.Errorf("%s: kicks %d to %d, want %d to %d", name, from, to, tc.from, tc.to)
		}
	}
}
