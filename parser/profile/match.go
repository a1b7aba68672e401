package profile

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/profile/internal/notations"
)

// A matchRow evaluates the rules for a match, on the whole page or on one row of a page with
// several matches.
type matchRow struct{ evaluator }

// ErrOtherSport means that a page contradicts the sport of the profile: for example, a profile for
// ice hockey reads a page about basketball. Errors that wrap ErrOtherSport describe the
// contradiction.
var ErrOtherSport = errors.New("the page is about another sport than the profile")

// errNoTeams means that a row names neither team, and so is not a match.
var errNoTeams = errors.New("the page names neither team")

// observation returns the observation of the row's match. It returns an error if the row does not
// name two different teams. It returns an error that wraps ErrOtherSport if the row contradicts the
// sport of the profile.
func (m *matchRow) observation(ctx context.Context) (*observation.Observation, error) {
	profile := m.doc.profile
	r := &profile.Match
	o := &observation.Observation{Sport: profile.Sport, Incidents: []observation.Incident{}}
	m.remember(ctx, r.rules())
	if err := m.teams(ctx, o); err != nil {
		return nil, err
	}
	if o.Match.ID = m.required(ctx, "match.id", &r.ID); o.Match.ID != "" {
		if err := event.CheckMatchID(o.Match.ID); err != nil {
			m.fault("match.id", err)
			o.Match.ID = ""
		}
	}
	m.league(ctx, o)
	if text, chosen := m.requiredChoice(ctx, "match.start", &r.Start); text != "" {
		var err error
		if o.Match.Start, err = chosen.parseTime(text, m.doc.at); err != nil {
			m.fault("match.start", err)
		}
	}
	status, period := splitWord(m.required(ctx, "match.status", &r.Status), event.Statuses())
	o.Match.Status = oneOf(&m.evaluator, "match.status", status, event.Statuses())
	o.Match.Period = oneOf(&m.evaluator, "match.status", period, o.Sport.Rules().Periods)
	m.clock(ctx, o)
	begun := o.Match.Status.Rank() > 0 && o.Match.Status != event.Cancelled // if not, the score is not required
	switch rules := o.Sport.Rules(); {
	case rules.SetScore:
		o.Score, o.LineScore = m.sets(ctx, o.Match.Period, begun)
		if n := len(o.LineScore.Sets()); n > 0 && o.Match.Period == "" && begun {
			o.Match.Period = rules.Periods[n-1]
		}
	case rules.InningsScore:
		o.Score, o.LineScore, o.Absent = m.innings(ctx, begun)
		lunch := o.Match.Status == event.Break && !notations.AllClosed(o.LineScore) // or another break in an innings
		if o.Match.Period == "" && o.LineScore != nil && begun && !lunch {
			o.Match.Period = notations.InningsPeriod(o.LineScore, o.Match.Status.Rank() == event.Live.Rank())
		}
	default:
		o.Score = m.score(ctx, "match", "score", &r.HomeScore, &r.AwayScore, begun)
		o.LineScore = m.lineScore(ctx)
	}
	o.Shootout = m.score(ctx, "match", "shootout", &r.HomeShootout, &r.AwayShootout, false)
	o.Winner = oneOf(&m.evaluator, "match.winner", m.optional(ctx, "match.winner", &r.Winner), event.Winners())
	o.Match.Situation = m.situation(ctx)
	m.incidents(ctx, o)
	m.lineups(ctx, o)
	if c := m.contradiction; c != nil {
		return nil, fmt.Errorf("%w: %s: %s", ErrOtherSport, strings.TrimPrefix(c.Field, m.prefix), c.Message)
	}
	if p := o.RemoveWrongLine(); p != nil {
		m.problem(m.prefix+p.Field, p.Message)
	}
	return o, nil
}

// situation returns the state of play that the page shows, or nil. It adds a problem for each value
// that is invalid or impossible in the sport.
func (m *matchRow) situation(ctx context.Context) *event.Situation {
	s := &event.Situation{}
	members := m.doc.profile.Sport.Rules().Situation
	for _, n := range m.doc.profile.Match.Situation.rules() {
		i := slices.IndexFunc(members, func(member event.Member) bool { return member.Name == n.name })
		if i < 0 || !n.rule.isSet() {
			continue
		}
		field := "match.situation." + n.name
		if text := m.optional(ctx, field, n.rule); text != "" {
			if err := notations.SetMember(s, members[i], text); err != nil {
				m.fault(field, err)
			}
		}
	}
	if member, err := notations.CheckTogether(s); err != nil {
		m.fault("match.situation."+member, err)
	}
	if reflect.ValueOf(*s).IsZero() {
		return nil
	}
	return s
}

// lineScore returns the points of both sides by period, or nil if the page shows no valid points.
func (m *matchRow) lineScore(ctx context.Context) *event.LineScore {
	r := &m.doc.profile.Match
	if !r.HomeLineScore.isSet() {
		return nil
	}
	line := &event.LineScore{}
	for _, side := range []struct {
		field string
		rule  *Rule
		into  *event.Line
	}{{"match.home_line_score", &r.HomeLineScore, &line.Home}, {"match.away_line_score", &r.AwayLineScore, &line.Away}} {
		text, err := side.rule.allText(ctx, m.row)
		if errors.Is(err, errNothing) {
			return nil
		}
		if err == nil {
			if *side.into, err = notations.ParsePeriods(text, len(m.doc.profile.Sport.Rules().Parts())); err != nil {
				err = fmt.Errorf("%q %w", shorten(text), err)
			}
		}
		if err != nil {
			m.fault(side.field, err)
			return nil
		}
	}
	if line.Innings() == 0 {
		return nil
	}
	return line
}

// teams sets the names of the teams. The error wraps errNoTeams if the row names neither team.
func (m *matchRow) teams(ctx context.Context, o *observation.Observation) error {
	r := &m.doc.profile.Match
	home, homeErr := m.value(ctx, &r.Home)
	away, awayErr := m.value(ctx, &r.Away)
	o.Match.Home, o.Match.Away = home, away
	switch {
	case errors.Is(homeErr, errNothing) && errors.Is(awayErr, errNothing):
		return fmt.Errorf("%w: match.home: %w", errNoTeams, homeErr)
	case homeErr != nil:
		return fmt.Errorf("the page does not name both teams: match.home: %w", homeErr)
	case awayErr != nil:
		return fmt.Errorf("the page does not name both teams: match.away: %w", awayErr)
	case event.Fold(home) == event.Fold(away):
		return fmt.Errorf("the page names %q as both teams", home)
	}
	return nil
}

// league sets the league and its word in routing keys. It adds a problem if the profile has no rule
// for the name or the word, if the word is invalid, or if no word can be derived from the name.
func (m *matchRow) league(ctx context.Context, o *observation.Observation) {
	r := &m.doc.profile.Match
	o.League = m.required(ctx, "match.league", &r.League)
	if o.LeagueKey = m.optional(ctx, "match.league_key", &r.LeagueKey); o.LeagueKey != "" {
		if err := event.CheckLeagueKey(o.LeagueKey); err != nil {
			m.fault("match.league_key", err)
			o.LeagueKey = ""
		}
	}
	if !r.League.isSet() && !r.LeagueKey.isSet() {
		m.fault("match.league", errors.New("the profile has no rule for the league, so routing keys contain \"unknown\": "+
			"set match.league or match.league_key"))
	}
	if o.League != "" && o.LeagueKey == "" && !event.HasKey(o.League) {
		m.fault("match.league", fmt.Errorf("%q becomes \"unknown\" in routing keys: set match.league_key", shorten(o.League)))
	}
}

// clock sets the match clock if the page shows a clock. If the status of a live match does not name
// the period, clock also sets the period. It uses the period that the text of the clock names. If
// the text names none and the sport counts minutes, it derives the period from the minute, unless
// the minute may be stoppage time.
func (m *matchRow) clock(ctx context.Context, o *observation.Observation) {
	r := &m.doc.profile.Match.Clock
	text := m.optional(ctx, "match.clock", r)
	if text == "" {
		return
	}
	c, names, err := m.doc.profile.parseClock(r.notation(), o.Match.Period, text)
	if err != nil {
		m.fault("match.clock", err)
		return
	}
	if o.Match.Period == "" {
		switch {
		case !names && o.Sport.MaybeStoppage(c):
			c.Period = ""
		case (names || o.Sport.CountsMinutes()) && o.Match.Status == event.Live && !c.Period.IsBreak():
			o.Match.Period = c.Period
		}
	}
	o.Match.Clock = c
}

// incidents adds the incidents of all lists. It removes facts that are impossible in the sport. It
// adds a problem if the listed goals contradict the score, unless the page cannot list goals.
func (m *matchRow) incidents(ctx context.Context, o *observation.Observation) {
	lists := m.doc.profile.Incidents
	o.NoRows = slices.ContainsFunc(lists, func(l IncidentRules) bool { return !l.Rows.Optional })
	goals := false // whether the page can list goals
	for i := range lists {
		n := m.list(ctx, i, o)
		o.Lists = append(o.Lists, n)
		o.NoRows = o.NoRows && n == 0
		goals = goals || lists[i].canList(event.Goal) && (n > 0 || !lists[i].Rows.Optional)
	}
	if p := o.OtherSport(); p != nil {
		m.contradict(*p)
	}
	for _, p := range o.RemoveImpossible() {
		m.problem(m.prefix+p.Field, p.Message)
	}
	for _, p := range o.WrongPoints() {
		m.problem(m.prefix+p.Field, p.Message)
	}
	if !goals {
		return
	}
	if o.NoRows && o.Score != nil && *o.Score != (event.Score{}) {
		m.fault("incidents", errors.New("no rows, though the score is not 0-0"))
		return
	}
	for _, c := range o.Contradictions() {
		m.problem(m.prefix+c.Field, c.Message)
	}
}

// list adds the incidents of list i. It returns the number of rows in the list, including rows that
// are not incidents.
func (m *matchRow) list(ctx context.Context, i int, o *observation.Observation) int {
	profile := m.doc.profile
	rules, name := &profile.Incidents[i], fmt.Sprintf("%sincidents[%d]", m.prefix, i)
	rows, err := rules.Rows.rows(ctx, m.row)
	if err != nil {
		m.problem(name+".rows", err.Error())
	}
	inherited := map[*Rule]string{}
	in := incidentRow{evaluator: evaluator{extraction: m.extraction}, rules: rules, match: o}
	if rules.Team.isSet() {
		in.homeCode = m.required(ctx, "match.home_code", &profile.Match.HomeCode)
		in.awayCode = m.required(ctx, "match.away_code", &profile.Match.AwayCode)
	}
	for n, row := range rows {
		if ctx.Err() != nil {
			break
		}
		row.inherited = inherited
		in.row, in.prefix = row, fmt.Sprintf("%s row %d: ", name, n+1)
		if incident, ok := in.incident(ctx); ok {
			incident.List = i
			o.Incidents = append(o.Incidents, incident)
		}
	}
	return len(rows)
}
