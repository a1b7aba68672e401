package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// cricketAt returns the observation of a cricket match after a number of balls. The score has the
// runs of each side in its latest innings.
func cricketAt(p event.Period, balls int, home, away event.Line, in ...observation.Incident) observation.Observation {
	score := event.Score{}
	if len(home) > 0 {
		score.Home = home[len(home)-1].Runs
	}
	if len(away) > 0 {
		score.Away = away[len(away)-1].Runs
	}
	o := observed(event.Live, p, score, in...)
	o.Sport, o.League, o.LineScore = event.Cricket, "Tests", &event.LineScore{Home: home, Away: away}
	o.Match.Clock = event.Clock{Period: p, Balls: balls}
	return o
}

// withStatus returns o with the given status, and without a period or a clock.
func withStatus(o observation.Observation, status event.Status) observation.Observation {
	o.Match.Status, o.Match.Period, o.Match.Clock = status, "", event.Clock{}
	return o
}

// inn returns an innings in which wickets were lost. If wickets is 10, the side is all out.
func inn(runs, wickets int) event.Innings { return event.Innings{Runs: runs, Wickets: &wickets} }

// batted returns an incident of the home side in its first innings. score is the score after it.
func batted(k event.Kind, detail, player string, balls int, score *event.Score) observation.Incident {
	return observation.Incident{Kind: k, Detail: detail, Side: event.Home, Player: player, Score: score,
		Clock: event.Clock{Period: "inn1", Balls: balls}}
}

// The event of a wicket has the score after the wicket, even if the score of the page includes
// later runs. Pages do not list singles, so the score can change without a row.
func TestScoreAfterAWicket(t *testing.T) {
	t.Parallel()
	four := batted("boundary", "four", "Root", 20, &event.Score{Home: 14})
	wicket := batted("wicket", "bowled", "Root", 22, &event.Score{Home: 15})
	s := begin(t, cricketAt("inn1", 18, event.Line{inn(10, 0)}, nil))
	s.expect(cricketAt("inn1", 24, event.Line{inn(18, 1)}, nil, four, wicket),
		"boundary 3.2 home Root four 14-0", "wicket 3.4 home Root bowled 15-0", "score_change 4.0 18-0")
	if got := s.lineScores; !slices.Equal(got, []string{"14/0 v ", "15/1 v ", "18/1 v "}) {
		t.Errorf("line scores of the events %q, want 14/0, 15/1 and 18/1", got)
	}
	late := batted("boundary", "four", "Crawley", 19, &event.Score{Home: 12})
	s.expect(cricketAt("inn1", 24, event.Line{inn(18, 1)}, nil, late, four, wicket),
		"boundary 3.1 home Crawley four 18-0") // its row is late
}

// Many pages show the overs without the innings. A change of the score then belongs to the innings of the match.
func TestScoreChangeNamesTheInnings(t *testing.T) {
	t.Parallel()
	s := begin(t, cricketAt("inn1", 18, event.Line{inn(10, 0)}, nil))
	s.onEvent = func(e event.Event) {
		if got := e.Data.Clock; got == nil || *got != (event.Clock{Period: "inn1", Balls: 24}) {
			t.Errorf("%s has the clock %+v, want over 4 of the first innings", e.Type, got)
		}
	}
	o := cricketAt("inn1", 24, event.Line{inn(18, 0)}, nil)
	o.Match.Clock.Period = ""
	s.expect(o, "score_change 4.0 18-0")
}

// Lunch, tea and drinks do not end an innings. A break between two innings does.
func TestBreakWithinAnInnings(t *testing.T) {
	t.Parallel()
	s := begin(t, cricketAt("inn1", 180, event.Line{inn(90, 2)}, nil))
	s.expect(withStatus(cricketAt("", 0, event.Line{inn(90, 2)}, nil), event.Break), "status_change break 90-0")
	s.expect(cricketAt("inn1", 181, event.Line{inn(90, 2)}, nil), "status_change live 90-0")
	interval := withStatus(cricketAt("", 0, event.Line{inn(250, 8)}, nil), event.Break)
	interval.Match.Period = "inn1"
	s.expect(interval, "score_change 250-0", "period_end inn1 250-0")
	s.expect(cricketAt("inn2", 1, event.Line{inn(250, 8)}, event.Line{inn(0, 0)}), "period_start inn2 250-0",
		"score_change 0.1 250-0")
}

// A page that shows the end of the match in the middle of an innings does not end the match at
// once.
func TestEndInTheMiddleOfAnInnings(t *testing.T) {
	t.Parallel()
	first := event.Line{inn(160, 6)}
	for _, tc := range []struct {
		name       string
		home, away event.Line
		winner     event.Winner
		want       bool // whether the end is accepted at once
	}{
		{"the first innings", event.Line{inn(90, 2)}, nil, "", false},
		{"a side that is far behind bats on", first, event.Line{inn(90, 2)}, "", false},
		{"the winning hit", first, event.Line{inn(162, 4)}, "", true},
		{"all out", first, event.Line{inn(90, 10)}, "", true},
		{"the page names the winner, for example by D/L", first, event.Line{inn(90, 2)}, "away", true},
		{"the third innings", event.Line{inn(160, 10), inn(50, 2)}, event.Line{inn(130, 10)}, "", false},
		{"a side that follows on, in front", event.Line{inn(300, 10)}, event.Line{inn(100, 10), inn(210, 4)}, "", false},
		{"an innings victory", event.Line{inn(500, 6)}, event.Line{inn(100, 10), inn(210, 10)}, "", true},
		{"a tie, before a super over", first, event.Line{inn(160, 9)}, "", false},
		{"a tie, named by the page", first, event.Line{inn(160, 9)}, event.Draw, true},
		{"a tie in a super over", event.Line{inn(160, 6), inn(9, 1)}, event.Line{inn(160, 9), inn(9, 0)}, "", false},
		{"a tied Test", event.Line{inn(574, 10), inn(170, 10)}, event.Line{inn(397, 10), inn(347, 10)}, "", true},
	} {
		p := event.Cricket.Rules().Periods[max(0, len(tc.home)+len(tc.away)-1)]
		s := begin(t, cricketAt(p, 60, tc.home, tc.away))
		for range 30 {
			s.read(cricketAt(p, 61, tc.home, tc.away))
		}
		end := withStatus(cricketAt("", 0, tc.home, tc.away), event.Ended)
		end.Winner = tc.winner
		if got := len(s.read(end)) > 0; got != tc.want {
			t.Errorf("%s: the page ended the match: %v, want %v", tc.name, got, tc.want)
		}
		for range 65 { // rain: the end persists for twenty minutes
			s.read(end)
		}
		if s.state.Match.Status != event.Ended {
			t.Errorf("%s: status %s after 66 pages with the end, want %s", tc.name, s.state.Match.Status, event.Ended)
		}
	}
}

// If each side has two innings, or if there is a super over, the scores of the innings show the
// winner. If each side has one innings, only the page can name the winner, because rain can change
// the target.
func TestResultsInCricket(t *testing.T) {
	t.Parallel()
	declared := func(runs, wickets int) event.Innings {
		return event.Innings{Runs: runs, Wickets: &wickets, Declared: true}
	}
	for _, tc := range []struct {
		name       string
		home, away event.Line
		page       event.Winner // named by the page
		want       string
	}{
		{"one innings for each side", event.Line{inn(160, 6)}, event.Line{inn(150, 9)}, "", " regulation"},
		{"D/L, named by the page", event.Line{inn(141, 7)}, event.Line{inn(113, 7)}, "away", "away regulation"},
		{"tie, named by the page", event.Line{inn(160, 6)}, event.Line{inn(160, 9)}, "draw", "draw regulation"},
		{"super over", event.Line{inn(188, 5), inn(13, 0)}, event.Line{inn(188, 4), inn(11, 2)}, "", "home extra_time"},
		{"second super over", event.Line{inn(176, 6), inn(5, 2), inn(2, 0)},
			event.Line{inn(176, 6), inn(5, 1), inn(11, 1)}, "",
			"away extra_time"},
		{"bowled out in the fourth innings", event.Line{declared(482, 8), declared(337, 7)},
			event.Line{inn(269, 10), inn(117, 10)}, "", "home regulation"},
		{"won by seven wickets", event.Line{inn(295, 10), inn(244, 10)}, event.Line{inn(284, 10), inn(256, 3)}, "",
			"away regulation"},
		{"draw", event.Line{declared(482, 8), declared(337, 7)}, event.Line{inn(269, 10), inn(117, 6)}, "",
			"draw regulation"},
		{"draw, the leaders bat last", event.Line{declared(482, 8), inn(20, 1)}, event.Line{inn(269, 10), inn(200, 6)}, "",
			"draw regulation"},
		{"tied Test", event.Line{declared(574, 7), declared(170, 5)}, event.Line{inn(397, 10), inn(347, 10)}, "",
			"draw regulation"},
		{"won after a follow-on", event.Line{inn(445, 10), inn(212, 10)}, event.Line{inn(171, 10), declared(657, 7)}, "",
			"away regulation"},
		{"innings victory", event.Line{declared(500, 6)}, event.Line{inn(100, 10), inn(210, 10)}, "", "home regulation"},
	} {
		n := len(tc.home) + len(tc.away)
		p := event.Cricket.Rules().Periods[n-1]
		s := begin(t, withStatus(cricketAt("", 0, nil, nil), event.Scheduled))
		s.read(cricketAt(p, 1, tc.home, tc.away))
		end := withStatus(cricketAt("", 0, tc.home, tc.away), event.Final)
		end.Winner = tc.page
		for range 20 { // more than five minutes
			s.read(end)
		}
		i := slices.IndexFunc(
			s.state.Tracked,
			func(in reconcile.TrackedIncident) bool { return in.Kind == event.MatchEnd },
		)
		if i < 0 {
			t.Errorf("%s: no match_end is tracked, want one", tc.name)
			continue
		}
		if in := &s.state.Tracked[i]; string(in.Winner)+" "+string(in.DecidedBy) != tc.want {
			t.Errorf("%s: winner %q by %q, want %q", tc.name, in.Winner, in.DecidedBy, tc.want)
		}
	}
}

// If pages show only the latest innings of each side, the length of a later innings shows whether
// it is a super over. If pages show all innings, an innings can be a super over even if the
// innings before it are not level. A correction that no page showed may have made them level.
func TestSuperOverOrSecondInnings(t *testing.T) {
	t.Parallel()
	over := func(p event.Period, balls int) observation.Incident {
		return observation.Incident{Kind: "over_end", Detail: "4", Side: event.Home,
			Clock: event.Clock{Period: p, Balls: balls}}
	}
	superOver := [2]event.Line{{inn(188, 5), inn(13, 0)}, {inn(192, 4), inn(11, 2)}}
	short := [2]event.Line{{inn(428, 10), inn(50, 2)}, {inn(300, 10), inn(30, 1)}}
	for name, tc := range map[string]struct {
		line  [2]event.Line // empty if the page shows only the latest runs
		balls int           // of the last innings
		rows  []observation.Incident
		want  string
	}{
		"first page in the fourth innings": {balls: 45, want: "home regulation"},
		"first page in its first over":     {balls: 4, want: "home "},
		"super over, after innings in the list": {balls: 4, want: "home extra_time",
			rows: []observation.Incident{over("inn1", 120)}},
		"fourth innings of one over, in the list": {balls: 4, want: "home regulation",
			rows: []observation.Incident{over("inn1", 240), over("inn3", 90)}},
		"super over after a correction that no page showed": {line: superOver, balls: 4, want: "home extra_time"},
		"two short innings after two long innings": {line: short, balls: 4, want: "home regulation",
			rows: []observation.Incident{over("inn1", 540)}},
		"two short innings on pages without overs": {line: short, want: "home regulation"},
	} {
		page := func(p event.Period, balls int) observation.Observation {
			o := cricketAt(p, balls, tc.line[0], tc.line[1], tc.rows...)
			if tc.line[0] == nil {
				o.Score, o.LineScore = &event.Score{Home: 13, Away: 11}, nil
			}
			return o
		}
		s := begin(t, page("inn4", tc.balls))
		end := withStatus(page("", 0), event.Final)
		end.Winner = event.Winner(event.Home)
		for range 20 {
			s.read(end)
		}
		i := slices.IndexFunc(
			s.state.Tracked,
			func(in reconcile.TrackedIncident) bool { return in.Kind == event.MatchEnd },
		)
		if in := &s.state.Tracked[i]; string(in.Winner)+" "+string(in.DecidedBy) != tc.want {
			t.Errorf("%s: winner %q by %q, want %q", name, in.Winner, in.DecidedBy, tc.want)
		}
	}
}

// A match that does not resume after rain has no result.
func TestAbandonedMatch(t *testing.T) {
	t.Parallel()
	s := begin(t, cricketAt("inn1", 60, event.Line{inn(90, 2)}, nil))
	s.expect(withStatus(cricketAt("", 0, event.Line{inn(90, 2)}, nil), event.Interrupted),
		"status_change interrupted 90-0")
	s.expect(withStatus(cricketAt("", 0, event.Line{inn(90, 2)}, nil), event.Abandoned), "status_change abandoned 90-0")
}

// Two batters hit a four in the same over. While the row of the first four is missing, the second
// four does not correct the first.
func TestTwoFoursInAnOver(t *testing.T) {
	t.Parallel()
	root := batted("boundary", "four", "Root", 19, &event.Score{Home: 14})
	pope := batted("boundary", "four", "Pope", 21, &event.Score{Home: 19})
	again := batted("boundary", "four", "Pope", 22, &event.Score{Home: 23})
	s := begin(t, cricketAt("inn1", 18, event.Line{inn(10, 0)}, nil))
	s.read(cricketAt("inn1", 19, event.Line{inn(14, 0)}, nil, root))
	s.expect(cricketAt("inn1", 21, event.Line{inn(19, 0)}, nil, pope), "boundary 3.3 home Pope four 19-0")
	s.expect(cricketAt("inn1", 22, event.Line{inn(23, 0)}, nil, root, again), "boundary 3.4 home Pope four 23-0")
	s.expect(cricketAt("inn1", 23, event.Line{inn(23, 0)}, nil, root, pope, again))
	pope.Clock.Balls = 20 // the page corrects the ball
	s.expect(cricketAt("inn1", 23, event.Line{inn(23, 0)}, nil, root, pope, again),
		"boundary_corrected 3.2 home Pope four 23-0 time:3.3→3.2")
}

// The scorers cancel four runs of an early over. The same page moves a six to the next ball. The six
// is still the same incident: the score after the six is four lower than before, and so are the
// scores after the neighbouring balls.
func TestSixMovesWhileRunsAreCancelled(t *testing.T) {
	t.Parallel()
	rows := func(less, balls int) []observation.Incident {
		return []observation.Incident{
			batted("boundary", "four", "Farhan", 50, &event.Score{Home: 95 - less}),
			batted("boundary", "six", "Farhan", balls, &event.Score{Home: 101 - less}),
			batted("wicket", "bowled", "Munro", 53, &event.Score{Home: 101 - less}),
		}
	}
	for name, tc := range map[string]struct {
		before, after []observation.Incident
		want          []string
	}{
		"between two balls": {rows(0, 51), rows(4, 52), []string{
			"boundary_corrected 8.2 home Farhan four 101-0 score:95-0→91-0",
			"boundary_corrected 8.4 home Farhan six 101-0 score:101-0→97-0 time:8.3→8.4",
			"wicket_corrected 8.5 home Munro bowled 101-0 score:101-0→97-0"}},
		"the last ball": {rows(0, 51)[:2], rows(4, 52)[:2], []string{
			"boundary_corrected 8.2 home Farhan four 101-0 score:95-0→91-0",
			"boundary_corrected 8.4 home Farhan six 101-0 score:101-0→97-0 time:8.3→8.4"}},
		"the first ball": {rows(0, 51)[1:], rows(4, 52)[1:], []string{
			"boundary_corrected 8.4 home Farhan six 101-0 score:101-0→97-0 time:8.3→8.4",
			"wicket_corrected 8.5 home Munro bowled 101-0 score:101-0→97-0"}},
		"another six, while the row of the first is missing": {rows(0, 51)[:2],
			append(rows(4, 0)[:1], batted("boundary", "six", "Farhan", 52, &event.Score{Home: 103})), []string{
				"boundary_corrected 8.2 home Farhan four 101-0 score:95-0→91-0",
				"boundary 8.4 home Farhan six 101-0"}},
	} {
		s := begin(t, cricketAt("inn1", 53, event.Line{inn(101, 0)}, nil, tc.before...))
		got := s.read(cricketAt("inn1", 54, event.Line{inn(97, 0)}, nil, tc.after...))
		slices.Sort(got)
		slices.Sort(tc.want)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: events %q, want %q", name, got, tc.want)
		}
	}
}

// The scorers cancel four runs of an early over. The same page moves the first of three fours of an over
// and corrects the name of a batter. Each four is still the same incident, because the score after each
// of them is four lower. The new score after the last four is the old score after the second.
func TestFoursWhileRunsAreCancelled(t *testing.T) {
	t.Parallel()
	rows := func(less, balls int, batter string) []observation.Incident {
		return []observation.Incident{
			batted("boundary", "six", "Clarke", 29, &event.Score{Home: 51 - less}),
			batted("boundary", "four", "Clarke", balls, &event.Score{Home: 58 - less}),
			batted("boundary", "four", "Clarke", 35, &event.Score{Home: 62 - less}),
			batted("boundary", "four", batter, 35, &event.Score{Home: 66 - less}),
		}
	}
	s := begin(t, cricketAt("inn1", 36, event.Line{inn(66, 1)}, nil, rows(0, 33, "Hales")...))
	s.expect(cricketAt("inn1", 37, event.Line{inn(62, 1)}, nil, rows(4, 34, "Clarke")...),
		"boundary_corrected 4.5 home Clarke six 66-0 score:51-0→47-0",
		"boundary_corrected 5.4 home Clarke four 66-0 score:58-0→54-0 time:5.3→5.4",
		"boundary_corrected 5.5 home Clarke four 66-0 score:62-0→58-0",
		"boundary_corrected 5.5 home Clarke four 66-0 player:Hales→Clarke score:66-0→62-0")
}

// The page removes the first of two fours off one ball, and completes the name of the other batter. Its
// score after the remaining four is the old score after the first.
func TestFirstOfTwoFoursIsCancelled(t *testing.T) {
	t.Parallel()
	first := batted("boundary", "four", "Davizi", 89, &event.Score{Home: 106})
	second := batted("boundary", "four", "Mendon", 89, &event.Score{Home: 110})
	s := begin(t, cricketAt("inn1", 90, event.Line{inn(110, 2)}, nil, first, second))
	second.Player, second.Score = "K Mendon", &event.Score{Home: 106}
	s.expect(cricketAt("inn1", 91, event.Line{inn(106, 2)}, nil, second),
		"boundary_corrected 14.5 home K Mendon four 110-0 player:Mendon→K Mendon score:110-0→106-0")
}

// The scorers cancel one run and move a six to the next ball. It is the same six, because a second six
// would have raised the score by six.
func TestSixMovesWhileARunIsTakenBack(t *testing.T) {
	t.Parallel()
	six := batted("boundary", "six", "Naseem", 187, &event.Score{Home: 134})
	s := begin(t, cricketAt("inn1", 190, event.Line{inn(137, 8)}, nil, six))
	six.Clock.Balls, six.Score = 188, &event.Score{Home: 133}
	s.expect(cricketAt("inn1", 191, event.Line{inn(136, 8)}, nil, six),
		"boundary_corrected 31.2 home Naseem six 137-0 score:134-0→133-0 time:31.1→31.2")
}

// If a review cancels a wicket, the innings has one wicket fewer, and the row of the wicket is
// missing. The wicket is then retracted.
func TestWicketCancelled(t *testing.T) {
	t.Parallel()
	wicket := batted("wicket", "lbw", "Root", 20, &event.Score{Home: 10})
	review := batted("review", "upheld", "Root", 20, nil)
	s := begin(t, cricketAt("inn1", 19, event.Line{inn(10, 0)}, nil))
	s.expect(cricketAt("inn1", 20, event.Line{inn(10, 1)}, nil, wicket), "wicket 3.2 home Root lbw 10-0")
	s.expect(cricketAt("inn1", 20, event.Line{inn(10, 0)}, nil, review), "score_change 3.2 10-0",
		"review 3.2 home Root upheld 10-0")
	var all []string
	for n := range 10 {
		all = append(all, s.read(cricketAt("inn1", 21+n, event.Line{inn(10, 0)}, nil, review))...)
	}
	if want := []string{"wicket_retracted 3.2 home Root lbw 10-0"}; !slices.Equal(all, want) {
		t.Errorf("events %q, want %q", all, want)
	}
	if got := s.state.LineScore.String(); got != "10/0 v " {
		t.Errorf("line score %q, want 10/0", got)
	}
}

// After the last wicket, a page can show only the runs of both sides. If its site has shown wickets
// before, both sides are all out. If not, the saved number of wickets does not change.
func TestLastWicket(t *testing.T) {
	t.Parallel()
	page := func(status event.Status) observation.Observation {
		o := withStatus(cricketAt("inn2", 0, event.Line{{Runs: 211}}, event.Line{{Runs: 156}}), status)
		o.LineScore = nil
		return o
	}
	for site, want := range map[string]string{"": "156", "/other": "156/9"} {
		s := begin(t, cricketAt("inn2", 110, event.Line{{Runs: 211}}, event.Line{inn(156, 9)}))
		s.site = site
		s.read(page(event.Live))
		if got := s.state.LineScore.Away.String(); got != want {
			t.Errorf("on the site %q: the innings is %s, want %s", site, got, want)
		}
	}
}

// A batter hits two fours in a row. If the page moves the first four to the ball of the second, the
// first four is corrected.
func TestFourMovesToTheNextBall(t *testing.T) {
	t.Parallel()
	first := batted("boundary", "four", "Browne", 4, &event.Score{Home: 4})
	second := batted("boundary", "four", "Browne", 5, &event.Score{Home: 8})
	s := begin(t, cricketAt("inn1", 3, event.Line{inn(0, 0)}, nil))
	s.read(cricketAt("inn1", 5, event.Line{inn(8, 0)}, nil, first, second))
	moved := first
	moved.Clock = second.Clock
	s.expect(cricketAt("inn1", 6, event.Line{inn(8, 0)}, nil, moved, second),
		"boundary_corrected 0.5 home Browne four 8-0 time:0.4→0.5")
}

// A page that shows the end does not end the match if the batting side is a few runs behind. The same
// is true if the batting side is far ahead of a side that is all out. The pages do not name the
// batting side. It is the side whose runs rose last.
func TestEndWhileASideBats(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		first, before, now event.Innings
		want               bool
	}{
		"six behind":                         {inn(188, 5), inn(178, 3), inn(182, 3), false},
		"one behind, after a wicket":         {inn(188, 5), inn(187, 3), inn(187, 4), false},
		"in front":                           {inn(188, 5), inn(187, 3), inn(191, 3), true},
		"far in front of a side all out":     {inn(160, 10), inn(196, 3), inn(200, 3), false},
		"all out behind":                     {inn(188, 5), inn(180, 9), inn(180, 10), true},
		"the first side all out, six behind": {inn(188, 10), inn(178, 3), inn(182, 3), false},
	} {
		s := begin(t, cricketAt("inn1", 60, event.Line{tc.first}, nil))
		for n := range 30 {
			s.read(cricketAt("inn2", 60+n, event.Line{tc.first}, event.Line{tc.before}))
		}
		s.read(cricketAt("inn2", 90, event.Line{tc.first}, event.Line{tc.now}))
		end := withStatus(cricketAt("", 0, event.Line{tc.first}, event.Line{tc.now}), event.Ended)
		if got := hasEnded(s.read(end)); got != tc.want {
			t.Errorf("%s: the page ended the match: %v, want %v", name, got, tc.want)
		}
	}
}

// An innings of more than 60 overs, or a third innings, shows that each side has two innings. A
// single page that shows the end does not end such a match, unless the page names the winner.
func TestStrayEndOfALongMatch(t *testing.T) {
	t.Parallel()
	home, away := event.Line{inn(191, 10)}, event.Line{inn(245, 7)}
	for name, tc := range map[string]struct {
		period event.Period
		balls  int
		winner event.Winner
		line   bool
		ends   bool
	}{
		"72 overs":                             {"inn2", 72 * 6, "", true, false},
		"72 overs, without the innings":        {"inn2", 72 * 6, "", false, false},
		"72 overs, and the winner":             {"inn2", 72 * 6, event.Winner(event.Home), true, true},
		"40 overs":                             {"inn2", 40 * 6, "", true, true},
		"40 overs, a large lead, no wickets":   {"inn2", 40 * 6, "", false, false},
		"a third innings, without the innings": {"inn3", 20 * 6, "", false, false},
	} {
		page := func(p event.Period, balls int) observation.Observation {
			o := cricketAt(p, balls, home, away)
			if !tc.line {
				o.LineScore = nil
			}
			return o
		}
		s := begin(t, page(tc.period, tc.balls-1))
		for range 40 {
			s.read(page(tc.period, tc.balls))
		}
		end := withStatus(page("", 0), event.Ended)
		end.Winner = tc.winner
		if got := hasEnded(s.read(end)); got != tc.ends {
			t.Errorf("%s: the page ended the match: %v, want %v", name, got, tc.ends)
		}
	}
}

// In the break after the innings, the site lowers the score by three runs. The pages of the break
// show no clock. A stale copy of a page from the last over, which still shows the higher score, has
// no events. The clock of the copy shows that it is stale.
func TestStaleCopyAfterACorrectionInTheBreak(t *testing.T) {
	t.Parallel()
	at := func(status event.Status, balls, runs int, in ...observation.Incident) observation.Observation {
		o := observed(status, "inn1", event.Score{Home: runs}, in...)
		o.Sport = event.Cricket
		if status == event.Live {
			o.Match.Clock = event.Clock{Period: "inn1", Balls: balls}
		}
		return o
	}
	wicket := observation.Incident{
		Kind:   "wicket",
		Side:   event.Away,
		Player: "Smith",
		Clock:  event.Clock{Period: "inn1", Balls: 115},
	}
	s := begin(t, at(event.Live, 118, 168))
	read := func(snapshot string, o observation.Observation) []string {
		s.snapshot = snapshot
		return s.read(o)
	}
	last := at(event.Live, 120, 172, wicket)
	read("last over", last)
	var lines []string
	for range 12 { // until the lower score is accepted
		lines = append(lines, read("break", at(event.Break, 0, 169))...)
	}
	if !slices.Contains(lines, "score_change 169-0") {
		t.Fatalf("events %q, want score_change 169-0", lines)
	}
	if events := read("last over", last); len(events) > 0 {
		t.Errorf("a stale copy causes the events %q, want none", events)
	}
}

// In the break after the innings, the site lowers the score, and shows an end by mistake for a minute. The break that
// returns is not yet accepted when a stale copy from the last over arrives. The copy lacks the last wicket, so it
// confirms nothing.
func TestStaleCopyAfterAStrayEndInTheBreak(t *testing.T) {
	t.Parallel()
	wicket := func(balls int) observation.Incident {
		return observation.Incident{Kind: "wicket", Side: event.Home, Player: fmt.Sprint("Batter ", balls),
			Clock: event.Clock{Period: "inn1", Balls: balls}}
	}
	at := func(status event.Status, runs int, in ...observation.Incident) observation.Observation {
		o := observed(status, "inn1", event.Score{Home: runs}, in...)
		o.Sport = event.Cricket
		if status == event.Live {
			o.Match.Clock = event.Clock{Period: "inn1", Balls: 116}
		}
		return o
	}
	lastOver := at(event.Live, 172, wicket(115))
	s := begin(t, at(event.Live, 160, wicket(115)))
	replaced, last := map[string]bool{}, ""
	read := func(snapshot string, o observation.Observation) []string {
		replaced[last] = replaced[last] || snapshot != last
		s.snapshot, s.superseded, last = snapshot, replaced[snapshot], snapshot
		s.now += time.Minute
		return s.read(o)
	}
	read("last over", lastOver)
	read("break", at(event.Break, 173, wicket(115), wicket(117)))
	var lines []string
	for _, status := range []event.Status{event.Break, event.Break, event.Ended} {
		lines = append(lines, read("lower "+string(status), at(status, 169, wicket(115), wicket(117)))...)
	}
	if !slices.Contains(lines, "score_change 169-0") {
		t.Fatalf("events %q, want score_change 169-0", lines)
	}
	for range 2 {
		read("lower break", at(event.Break, 169, wicket(115), wicket(117)))
	}
	if events := read("last over", lastOver); len(events) > 0 {
		t.Errorf("a stale copy causes the events %q, want none", events)
	}
}

// The first page of a Test shows the night after its first day, without the innings. If a page shows the end by
// mistake, the end is not accepted until later pages confirm it.
func TestEndDuringABreakOfAnUnknownInnings(t *testing.T) {
	t.Parallel()
	night := cricketAt("", 0, event.Line{{Runs: 191}}, event.Line{{Runs: 76}})
	night.LineScore, night.Match.Status = nil, event.Break
	over := night
	over.Match.Status = event.Ended
	s := begin(t, night)
	s.expect(over)
	s.expect(night)
	s.now += 3 * time.Hour
	var all []string
	for range 20 {
		all = append(all, s.read(over)...)
	}
	if len(all) != 1 || !strings.HasPrefix(all[0], "match_end") {
		t.Errorf("an end that persists causes %q, want match_end", all)
	}
}
