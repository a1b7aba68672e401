package season

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// cricket shows matches as lists of wickets, boundaries, milestones and overs, and as scoreboards.
// The lists do not show most of the runs. Super overs are the third and fourth innings.
var cricket = &sport{
	name:  event.Cricket,
	load:  loadCricket,
	clock: cricketClock,
	score: Fact{Kind: "boundary", Detail: "four", Points: 4},
	styles: []*Style{
		cricketStyle(listStyle(event.Cricket, "overs", overs), allInnings),
		cricketStyle(listStyle(event.Cricket, "overs", overs), latestInnings),
		cricketStyle(boardStyle(event.Cricket, "overs", overs), allInnings),
		cricketStyle(boardStyle(event.Cricket, "overs", overs), latestInnings),
		cricketStyle(boardStyle(event.Cricket, "overs", overs), latestRuns),
	},
	density: 8,
	edits: []edit{
		{"four becomes six", 20, fourAtFirst},
		{"six becomes four", 8, sixAtFirst},
		{"way out corrected", 8, caughtAtFirst},
	},
	faults:    append([]string{WicketTakenBack, RunsCorrected}, commonFaults...),
	tally:     latestRunsOf,
	ownRows:   (*generator).addCricketRows,
	mayBeOver: inningsMayBeOver,
	gameClock: true,
	rainIn:    5,
}

// The faults of cricket.
const (
	WicketTakenBack = "wicket taken back after a review"
	RunsCorrected   = "runs corrected"
)

// A mark is a change that a fact makes to an innings, other than runs and wickets.
type mark int

const (
	begins   mark = iota + 1 // the innings begins
	followOn                 // the innings begins, and the side follows on
	declared                 // the side declares
)

// An innings is the state of a cricket innings, without the runs.
type innings struct {
	side               string
	wickets            int
	declared, followOn bool
}

// apply adds a fact to the innings.
func (i *innings) apply(f *Fact) {
	if f.Points > 0 || f.Wickets > 0 || f.Mark > 0 {
		i.side = f.Side
	}
	i.wickets += f.Wickets
	i.declared, i.followOn = i.declared || f.Mark == declared, i.followOn || f.Mark == followOn
}

// An inningsForm is the form in which pages show the innings of a side.
type inningsForm struct {
	name    string
	all     bool // the page shows all innings of the side, not only the latest
	wickets bool // the page shows wickets and declarations
}

var (
	allInnings    = inningsForm{"all innings", true, true}            // 428/6d & 3/0
	latestInnings = inningsForm{"latest innings", false, true}        // 3/0
	latestRuns    = inningsForm{"latest innings, runs", false, false} // 3
)

// cricketStyle changes a style so that its pages show the score in the given form, and name the
// winner.
func cricketStyle(s *Style, form inningsForm) *Style {
	s.Name += ", " + form.name
	s.Winner, s.allInnings = true, form.all
	s.score = func(v *view, side string) string {
		all := form.innings(v.line, side)
		if len(all) > 0 && !form.all {
			all = all[len(all)-1:]
		}
		return all.String()
	}
	s.line = func(line []periodScore) string {
		return (&event.LineScore{Home: form.innings(line, "home"), Away: form.innings(line, "away")}).String()
	}
	s.profile = strings.Replace(s.profile, "  start: .start\n", "  start: .start\n"+
		"  winner: {when: {home: .result.home, away: .result.away, draw: .result.draw}, optional: true}\n", 1)
	return s
}

// innings returns the innings of a side that a page in this form shows.
func (form inningsForm) innings(line []periodScore, side string) (all event.Line) {
	for i := range line {
		p := &line[i]
		if p.side != side {
			continue
		}
		in := event.Innings{Runs: p.of(side)}
		if form.wickets {
			in.Wickets, in.Declared, in.FollowOn = new(p.wickets), p.declared, p.followOn
		}
		all = append(all, in)
	}
	return all
}

// inningsShown returns the innings of the match as the pages show them, or nil if the pages do not
// show which innings the runs belong to. Some pages show only the latest innings of each side. Such
// pages do not show a correction that is made after the next innings of the side has begun.
func (g *generator) inningsShown(pages []Page) []periodScore {
	line := lineOf(g.remaining())
	if g.style.allInnings {
		return line
	}
	shown, known := map[event.Period]periodScore{}, false
	var before *Page // the latest page before the first page that shows a period
	for i := range pages {
		p := &pages[i]
		if !p.Current() || len(p.line) == 0 {
			continue
		}
		switch {
		case known:
		case p.phase.Period != "":
			if known = len(p.line) <= 2 || before != nil && fewerRuns(before, p) == len(p.line)-2; !known {
				return nil
			}
		default:
			before = p
		}
		latest := map[string]periodScore{}
		for _, innings := range p.line {
			latest[innings.side] = innings
		}
		for _, innings := range latest {
			shown[innings.period] = innings
		}
	}
	for i := range line {
		innings, ok := shown[line[i].period]
		if !ok {
			return nil
		}
		line[i] = innings
	}
	return line
}

// fewerRuns returns the number of sides that have fewer runs on a page than on an earlier page,
// because their second innings has begun.
func fewerRuns(before, now *Page) (n int) {
	for _, side := range []string{"home", "away"} {
		if now.Score.of(side) < before.Score.of(side) {
			n++
		}
	}
	return n
}

// showsLongInnings reports whether any page shows that an innings after the second is longer than a
// super over.
func showsLongInnings(pages []Page) bool {
	return slices.ContainsFunc(pages, func(p Page) bool {
		return p.Current() && p.phase.Clock.Balls > 6 && event.Cricket.Index(p.phase.Period) >= 2
	})
}

// inningsMayBeOver reports whether the match can be over, according to the innings on a page. The
// match can be over if the side that bats last has just passed the other side. It can also be over
// if that side has ended its only innings with fewer runs. After an innings of more than 60 overs,
// each side has two innings.
func inningsMayBeOver(p *Page) bool {
	n := len(p.line)
	if n == 0 || n%2 > 0 {
		return false
	}
	lead, last := 0, &p.line[n-1]
	for i := range p.line {
		lead += p.line[i].of(last.side) - p.line[i].of(otherSide(last.side))
	}
	const winningHit, limited = 6, 60 * 6
	long := slices.ContainsFunc(p.Rows, func(f Fact) bool { return f.Clock.Balls > limited })
	return 0 < lead && lead <= winningHit || lead < 0 && n == 2 && !long && (last.wickets == 10 || last.declared)
}

// overs formats a clock in overs and balls, such as 14.3. Before the first ball, it returns "".
func overs(c event.Clock) string { return c.String() }

// cricketClock returns the clock of an innings. elapsed is the number of balls.
func cricketClock(p event.Period, elapsed float64) event.Clock {
	return event.Clock{Period: p, Balls: int(elapsed)}
}

// latestRunsOf sets the score after each fact, and returns the last score. A score counts only the
// runs of the latest innings of each side.
func latestRunsOf(facts []*Fact, _ event.Period) (now Score) {
	for _, f := range facts {
		if f.Mark == begins || f.Mark == followOn {
			now = now.add(f.Side, -now.of(f.Side))
		}
		now = now.add(f.Side, f.Points)
		f.Score = now
	}
	return now
}

// fourAtFirst and sixAtFirst change a boundary to the boundary that the umpire first signalled.
func fourAtFirst(_ *rand.Rand, f *Fact) bool { return boundaryAtFirst(f, 6, 4, "four") }
func sixAtFirst(_ *rand.Rand, f *Fact) bool  { return boundaryAtFirst(f, 4, 6, "six") }

// boundaryAtFirst changes the runs of a boundary from right to wrong. detail is the name of the wrong
// boundary.
func boundaryAtFirst(f *Fact, right, wrong int, detail string) bool {
	ok := f.Kind == "boundary" && f.Points == right
	if ok {
		f.Points, f.Detail = wrong, detail
	}
	return ok
}

// caughtAtFirst changes the detail of a wicket to caught.
func caughtAtFirst(_ *rand.Rand, f *Fact) bool {
	ok := f.Kind == "wicket" && f.Detail != "caught"
	if ok {
		f.Detail = "caught"
	}
	return ok
}

// The pace of cricket, in seconds.
const (
	perDelivery    = 30
	betweenOvers   = 30
	betweenInnings = 600
	lunchAndTea    = 1200
	night          = 64_000
)

// The numbers of overs in a day and in a session, in matches of several days.
const (
	oversOfDay     = 90
	oversOfSession = 30
)

// cricketFacts holds the facts of one match, from one line of a cricket file.
type cricketFacts struct {
	Date      string `json:"date"` // the first day
	Incidents []cricketIncident
	Innings   []struct {
		Period   event.Period `json:"period"`
		Side     string       `json:"side"`
		Runs     int          `json:"runs"`
		Wickets  int          `json:"wickets"`
		Declared bool         `json:"declared"`
		Penalty  struct {     // runs that no delivery adds
			Before int `json:"pre"`
			After  int `json:"post"`
		} `json:"penalty_runs"`
		Balls []string `json:"balls"` // for each over: its deliveries
	} `json:"innings"`
	Overs  int `json:"overs"` // maximum number of overs in an innings; 0 in matches of several days
	Result struct {
		Winner string `json:"winner"`
	} `json:"result"`
}

// A cricketIncident is an incident in a cricket file.
type cricketIncident struct {
	Period event.Period `json:"period"`
	Ball   string       `json:"ball"`  // the delivery, such as 14.3; "" at the end of an over
	Overs  string       `json:"overs"` // the overs after the incident
	Kind   string       `json:"kind"`
	Detail string       `json:"detail"`
	Side   string       `json:"side"`
	Player string       `json:"player"`
	Score  struct {
		Runs    int `json:"runs"`
		Wickets int `json:"wickets"`
	} `json:"score"` // of the innings, after the incident
}

// loadCricket sets the timeline of a cricket match.
func loadCricket(line []byte, m *Match) error {
	var in cricketFacts
	err := json.Unmarshal(line, &in)
	if err != nil {
		return err
	}
	if m.Kickoff, err = time.Parse(time.DateOnly, in.Date); err != nil {
		return err
	}
	m.Kickoff = m.Kickoff.Add(10*time.Hour + 30*time.Minute)
	m.Winner, m.By = cmp.Or(event.Winner(in.Result.Winner), event.Draw), event.ByRegulation
	var total Score
	b := scorer{match: m, days: in.Overs == 0}
	for n := range in.Innings {
		i := &in.Innings[n]
		b.beginInnings(i.Side, n > 0 && i.Side == in.Innings[n-1].Side)
		b.addRuns(i.Penalty.Before)
		super := strings.HasPrefix(string(i.Period), "so")
		if super {
			m.By = event.ByExtraTime
		} else {
			total = total.add(i.Side, i.Runs)
		}
		for _, incident := range in.Incidents {
			if incident.Period == i.Period {
				b.queue = append(b.queue, incident)
			}
		}
		for over, balls := range i.Balls {
			if err := b.playOver(over, balls, over == len(i.Balls)-1); err != nil {
				return err
			}
		}
		b.addRuns(i.Penalty.After)
		if i.Declared {
			b.add(Fact{Unlisted: true, Side: i.Side, Mark: declared})
		}
		b.endInnings()
		if b.runs != i.Runs || b.wickets != i.Wickets || len(b.queue) > 0 {
			return fmt.Errorf("%s ends with %d/%d and %d unplayed incidents, want %d/%d and none", i.Period, b.runs,
				b.wickets, len(b.queue), i.Runs, i.Wickets)
		}
	}
	if total != m.Final || len(m.spans) < 2 {
		return fmt.Errorf("%d innings and %v runs, want at least 2 innings and %v runs", len(m.spans), total, m.Final)
	}
	facts := make([]*Fact, len(m.facts))
	for i := range m.facts {
		facts[i] = &m.facts[i]
	}
	m.Final = latestRunsOf(facts, "")
	m.strayUntil = m.end() - 900
	return nil
}

// A scorer adds the deliveries of a match to its timeline.
type scorer struct {
	match *Match
	days  bool // the match has several days

	now           float64 // seconds since the start of the match
	side          string  // the batting side
	runs, wickets int     // of the innings
	clock         event.Clock
	oversToday    int
	queue         []cricketIncident // the incidents of the innings that have not happened yet
}

// span returns the span of the current innings.
func (b *scorer) span() *span { return &b.match.spans[len(b.match.spans)-1] }

// add adds a fact at the current time.
func (b *scorer) add(f Fact) {
	f.Clock, f.At = event.Clock{Period: b.clock.Period, Balls: max(f.Clock.Balls, b.clock.Balls)}, b.now
	b.match.facts = append(b.match.facts, f)
}

// addRuns adds runs that no page lists.
func (b *scorer) addRuns(n int) {
	if n > 0 {
		b.runs += n
		b.add(Fact{Unlisted: true, Side: b.side, Points: n})
	}
}

func (b *scorer) beginInnings(side string, follows bool) {
	n := len(b.match.spans)
	if n > 0 {
		b.now += betweenInnings
	}
	b.side, b.runs, b.wickets = side, 0, 0
	b.clock = event.Clock{Period: event.Cricket.Rules().Periods[n]}
	b.match.spans = append(b.match.spans, span{period: b.clock.Period, begin: b.now, anchors: []anchor{{b.now, 0}}})
	f := Fact{Unlisted: true, Side: side, Mark: begins}
	if follows && b.days {
		f.Mark = followOn
	}
	b.add(f)
}

func (b *scorer) endInnings() {
	b.now += perDelivery
	b.span().end = b.now
}

// playOver adds the deliveries of an over. Each delivery is a text: the runs, w for a wide, n for a
// no-ball, and a W for each wicket. last means that the over is the last over of the innings.
func (b *scorer) playOver(over int, deliveries string, last bool) error {
	ball := 0 // number of legal balls
	for _, text := range strings.Fields(deliveries) {
		b.now += perDelivery
		runs, err := strconv.Atoi(strings.TrimRight(text, "wnW"))
		if err != nil {
			return err
		}
		label := fmt.Sprintf("%d.%d", over, ball+1)
		if !strings.ContainsAny(text, "wn") {
			ball++
			b.setBalls(over*6 + min(ball, 5))
		}
		b.deliver(label, runs, strings.Count(text, "W"))
	}
	complete := len(b.queue) > 0 && b.queue[0].Kind == "over_end" && b.queue[0].Overs == fmt.Sprintf("%d.0", over+1)
	if complete || !last {
		b.setBalls(over*6 + 6)
	}
	if complete {
		b.next()
	}
	if b.oversToday++; last {
		return nil
	}
	b.now += betweenOvers
	if b.days && b.oversToday%oversOfSession == 0 {
		pause := float64(lunchAndTea)
		if b.oversToday == oversOfDay {
			pause, b.oversToday = night, 0
		}
		b.match.pauses = append(b.match.pauses, pauseOf(b.now, pause))
		b.now += pause
	}
	return nil
}

// pauseOf returns a break in a match of several days.
func pauseOf(begin, seconds float64) pause { return pause{begin, begin + seconds, onBreak} }

// setBalls sets the number of balls that have been bowled in the innings.
func (b *scorer) setBalls(n int) {
	s := b.span()
	s.anchors = append(s.anchors, anchor{b.now - 0.001, float64(b.clock.Balls)}, anchor{b.now, float64(n)})
	b.clock.Balls = n
}

// deliver adds a delivery, and the incidents of the delivery.
func (b *scorer) deliver(label string, runs, wickets int) {
	happened := func(i *cricketIncident) bool {
		return i.Ball == label && i.Score.Runs <= b.runs+runs && i.Score.Wickets <= b.wickets+wickets
	}
	n, boundary := 0, false
	for n < len(b.queue) && happened(&b.queue[n]) {
		boundary = boundary || b.queue[n].Kind == "boundary"
		n++
	}
	if !boundary {
		b.addRuns(runs)
		runs = 0
	}
	for range n {
		f := b.next()
		switch f.Kind {
		case "boundary":
			f.Points = runs
			b.runs += runs
			runs = 0
		case "wicket":
			f.Wickets = 1
			b.wickets++
		}
	}
}

// next adds the next incident of the innings, and returns its fact.
func (b *scorer) next() *Fact {
	i := b.queue[0]
	b.queue = b.queue[1:]
	b.add(Fact{Kind: i.Kind, Detail: i.Detail, Side: i.Side, Player: i.Player})
	f := &b.match.facts[len(b.match.facts)-1]
	return f
}

// addCricketRows may add a wicket that a review reverses. It also adds runs that the scorers remove
// later.
func (g *generator) addCricketRows() {
	if g.chance(2) {
		f, ok := g.invented(g.anySide(), DisallowedScorer+" Two", 120+g.rand.Float64()*(g.line.end()-1200))
		if ok {
			f.Kind, f.Detail, f.Points, f.Wickets = "wicket", "lbw", 0, 1
			gone := f.At + 30 + g.rand.Float64()*90
			g.insert(row{Fact: f, until: gone, fault: WicketTakenBack})
			g.insert(row{Fact: Fact{Kind: "review", Detail: "upheld", Side: f.Side, Clock: f.Clock, At: gone}})
		}
	}
	for range 1 + g.rand.IntN(3) {
		f, ok := g.invented(g.anySide(), "", 120+g.rand.Float64()*(g.line.end()-1200))
		if ok {
			f.Kind, f.Detail, f.Points, f.Unlisted = "", "", 1+g.rand.IntN(4), true
			g.insert(row{Fact: f, until: f.At + 40 + g.rand.Float64()*300, fault: RunsCorrected})
		}
	}
}

// batting returns the side that bats in a period.
func (g *generator) batting(p event.Period) string {
	for i := range g.line.facts {
		if f := &g.line.facts[i]; f.Mark > 0 && f.Clock.Period == p {
			return f.Side
		}
	}
	return ""
}
