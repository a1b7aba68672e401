package observation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// OtherSport returns a problem if the facts contradict the rules of the sport, so that the page
// must show a match of another sport. Otherwise it returns nil. A wrong rule of a profile can also
// produce impossible facts, such as a year instead of a score. OtherSport ignores such facts;
// see [Observation.RemoveImpossible]. Call OtherSport before RemoveImpossible.
func (o *Observation) OtherSport() *Problem {
	for _, check := range []func(*Observation) *Problem{
		(*Observation).otherLeague, (*Observation).otherScore, (*Observation).otherSteps,
	} {
		if p := check(o); p != nil {
			return p
		}
	}
	return nil
}

// otherLeague returns a problem if the name of the league contains a word for another sport, but no
// word for o.Sport. It returns nil for a name with "football", which can mean several sports.
func (o *Observation) otherLeague() *Problem {
	if !slices.Contains(event.KnownSports(), o.Sport) {
		return nil
	}
	words := strings.Split(event.Slug(o.League), "_")
	if slices.Contains(words, "football") || hasLeagueWord(o.Sport, words) {
		return nil
	}
	if !slices.ContainsFunc(event.KnownSports(), func(s event.Sport) bool { return hasLeagueWord(s, words) }) {
		return nil
	}
	return &Problem{"match.league", fmt.Sprintf("league %q is not a league of %s", o.League, o.Sport.Title())}
}

// hasLeagueWord reports whether words, the words of a league's name, contain a word that shows the
// sport.
func hasLeagueWord(s event.Sport, words []string) bool {
	return slices.ContainsFunc(s.Rules().LeagueWords, func(w string) bool { return slices.Contains(words, w) })
}

// otherScore returns a problem if no match of the sport can have the score at this time.
func (o *Observation) otherScore() *Problem {
	if o.Score == nil {
		return nil
	}
	rules, s := o.Sport.Rules(), o.Score
	problem := func(why string) *Problem {
		return &Problem{"match.home_score", fmt.Sprintf("score %s is not a score of %s: %s", s, o.Sport.Title(), why)}
	}
	least := min(s.Home, s.Away)
	live := o.Match.Status.Rank() == event.Live.Rank()
	switch {
	case rules.Bounds.Both > 0 && least > rules.Bounds.Both:
		return problem(fmt.Sprintf("both sides never have more than %d", rules.Bounds.Both))
	case rules.SetScore && max(s.Home, s.Away) > 10 && max(s.Home, s.Away)-least > 2:
		return problem("a set ends with a lead of two games")
	case !live:
		return nil
	case rules.Bounds.Never > 0 && (s.Home == rules.Bounds.Never || s.Away == rules.Bounds.Never):
		return problem("no incidents add up to it")
	}
	played, known := o.played()
	if most := rules.Bounds.Early + int(played.Minutes()*float64(rules.Bounds.Pace)/10); known && least > most {
		return problem(fmt.Sprintf("both sides never have more than %d after %d minutes", most, int(played.Minutes())))
	}
	return nil
}

// played returns the maximum time that can have been played. known is false if the bounds of the
// sport have no Pace, or if the page does not show the period.
func (o *Observation) played() (played time.Duration, known bool) {
	rules, c := o.Sport.Rules(), o.Match.Clock
	if rules.Bounds.Pace == 0 || o.Sport.Index(o.Match.Period) < 0 {
		return 0, false
	}
	if o.Sport.CountsMinutes() {
		_, end := o.Sport.Minutes(o.Sport.PlayedBefore(o.Match.Period))
		if c.CountedOn() > 0 {
			end = c.CountedOn()
		}
		return time.Duration(end) * time.Minute, end > 0
	}
	longest := rules.UsualLengths[len(rules.UsualLengths)-1]
	played = time.Duration(o.Sport.Index(o.Match.Period)) * longest
	if c.Elapsed > 0 && c.Period == o.Match.Period {
		return played + time.Duration(c.Elapsed)*time.Second, true
	}
	return played + longest, true
}

// otherSteps returns a problem if most rows add more points than an incident of the sport can.
func (o *Observation) otherSteps() *Problem {
	rules := o.Sport.Rules()
	if rules.SetScore || rules.InningsScore || rules.CountsSets {
		return nil
	}
	most := mostPoints(rules)
	if !rules.CountsGoals {
		most += 2 // a row can include the extra point or the conversion
	}
	var scores []event.Score
	for i := range o.Incidents {
		if s := o.Incidents[i].Score; s != nil && o.Sport.Scores(o.Incidents[i].Kind) {
			scores = append(scores, *s)
		}
	}
	slices.SortFunc(scores, func(a, b event.Score) int { return a.Home + a.Away - b.Home - b.Away })
	steps, tooLarge, example := 0, 0, 0
	before := event.Score{}
	for _, s := range slices.Compact(scores) {
		if s.Home == before.Home || s.Away == before.Away {
			steps++
			if n := s.Home + s.Away - before.Home - before.Away; n > most {
				tooLarge, example = tooLarge+1, n
			}
		}
		before = s
	}
	const enough = 4 // with fewer steps, missing rows can be the reason for large steps
	if steps < enough || tooLarge <= steps/2 {
		return nil
	}
	return &Problem{"incidents", fmt.Sprintf("most rows add more points than an incident of %s can, such as %d",
		o.Sport.Title(), example)}
}
