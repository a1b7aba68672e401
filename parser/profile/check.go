package profile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

var hostShape = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// check returns what is wrong with a profile that was decoded, and where.
func (p *Profile) check(at func(path string) strictyaml.Pos) error {
	switch {
	case p.Name == "" && p.Sport == "":
		return at("profile").Errorf("no profile: profile, sport and match are needed")
	case p.Name == "" || p.Name != strings.ReplaceAll(event.Slug(p.Name), "_", "-"):
		return at("profile").Errorf("profile %q: want a name of a-z, 0-9 and -", p.Name)
	case !slices.Contains(event.Sports(), p.Sport):
		return at("sport").Errorf("sport %q: want one of %v", p.Sport, event.Sports())
	case p.Format != "" && p.Format != "html" && p.Format != "json":
		return at("format").Errorf("format %q: want html or json", p.Format)
	case !p.Match.Home.isSet() || !p.Match.Away.isSet():
		return at("match").Errorf("match.home and match.away: both are needed, to know whose page it is (a selector that begins with # stands in quotes, or YAML takes it for a comment)")
	}
	for i, h := range p.Hosts {
		if !hostShape.MatchString(h) {
			return at(fmt.Sprintf("hosts[%d]", i)).Errorf("host %q: want a name like mysite.example, in small letters, without scheme or port", h)
		}
	}
	for name := range p.Lengths {
		if !slices.ContainsFunc(p.Sport.Periods(), func(q event.Period) bool { return isPeriod(q, name) }) {
			return at("lengths").Errorf("lengths: %s has no period %q", p.Sport, name)
		}
	}
	if err := p.checkJSON(at); err != nil {
		return err
	}
	if err := p.checkMatch(); err != nil {
		return err
	}
	for i := range p.Incidents {
		if err := p.checkIncidents(&p.Incidents[i], at(fmt.Sprintf("incidents[%d]", i))); err != nil {
			return err
		}
	}
	return p.checkMembers()
}

// checkMatch checks the rules for matches against the vocabulary of the sport.
func (p *Profile) checkMatch() error {
	if p.Matches.isSet() && !findsRows(&p.Matches) {
		return p.Matches.pos.Errorf("matches: want a selector or jq")
	}
	var statuses []string
	for _, s := range event.Statuses() {
		statuses = append(statuses, string(s))
	}
	for _, e := range p.Match.Status.outcomes() {
		if status, period, _ := strings.Cut(e.value, " "); status == string(event.Live) && event.Period(period).IsBreak() {
			return e.pos.Errorf("status %q: nothing is played in a break: break %s", e.value, period)
		}
	}
	return checkWords(&p.Match.Status, "status", statuses, p.periods())
}

// checkIncidents checks the rules for one list against the vocabulary of the sport.
func (p *Profile) checkIncidents(in *IncidentRules, pos strictyaml.Pos) error {
	switch {
	case !in.Rows.isSet() || !in.Kind.isSet():
		return pos.Errorf("rows and kind are needed (a selector that begins with # stands in quotes, or YAML takes it for a comment)")
	case !findsRows(&in.Rows):
		return in.Rows.pos.Errorf("rows: want a selector or jq")
	case in.Side.isSet() && in.Team.isSet() || !in.Side.isSet() && !in.Team.isSet() && !in.ofNeitherSide():
		return in.Rows.pos.Errorf("give one of side and team: whose incident is it?")
	case in.HomeScore.isSet() != in.AwayScore.isSet():
		return in.Rows.pos.Errorf("give both of home_score and away_score, or none")
	}
	var kinds []string
	for _, k := range p.Sport.Kinds() {
		kinds = append(kinds, string(k))
	}
	if err := errors.Join(noSelector(&in.Kind, "kind", kinds), noSelector(&in.Side, "side", []string{"home", "away"})); err != nil {
		return err
	}
	for _, e := range in.Kind.outcomes() {
		kind, _, _ := strings.Cut(e.value, " ")
		if p.Sport.Scores(event.Kind(kind)) && !p.Sport.CountsGoals() && !in.HomeScore.isSet() {
			return e.pos.Errorf("kind %q: home_score and away_score are needed, the score after it, to tell one from another; "+
				"where the page has none, leave the row out, and the score itself is followed", kind)
		}
	}
	return errors.Join(
		checkWords(&in.Kind, "kind", kinds, nil),
		checkWords(&in.Side, "side", []string{string(event.Home), string(event.Away)}, nil),
		checkWords(&in.Period, "period", p.periods(), nil))
}

// ofNeitherSide reports whether no kind in the list needs a side.
func (r *IncidentRules) ofNeitherSide() bool {
	kinds := r.Kind.outcomes()
	for _, e := range kinds {
		if kind, _, _ := strings.Cut(e.value, " "); !event.Kind(kind).OfNeitherSide() {
			return false
		}
	}
	return len(kinds) > 0
}

// canList reports whether rows of the list can be of a kind.
func (r *IncidentRules) canList(k event.Kind) bool {
	kinds := r.Kind.outcomes()
	return len(kinds) == 0 || slices.ContainsFunc(kinds, func(e entry) bool {
		kind, _, _ := strings.Cut(e.value, " ")
		return kind == string(k)
	})
}

// noSelector rejects a selector that was meant as a constant.
func noSelector(r *Rule, what string, words []string) error {
	if r.CSS != nil && slices.Contains(words, r.CSS.text) {
		return r.pos.Errorf("%s: %s is a selector here; what is always so is written {value: %s}", what, r.CSS.text, r.CSS.text)
	}
	return nil
}

// periods returns the names of the sport's periods.
func (p *Profile) periods() []string {
	var all []string
	for _, q := range p.Sport.Periods() {
		all = append(all, string(q))
	}
	return all
}

// checkWords checks every outcome of a rule against a vocabulary. Its first word must be one of words.
// Its second, if there is one, must be one of seconds, unless seconds is nil.
func checkWords(r *Rule, what string, words, seconds []string) error {
	for _, e := range r.outcomes() {
		first, second, _ := strings.Cut(e.value, " ")
		if !slices.Contains(words, first) {
			return e.pos.Errorf("%s %q: want one of %s", what, first, strings.Join(words, ", "))
		}
		if second != "" && seconds != nil && !slices.Contains(seconds, second) {
			return e.pos.Errorf("%s %q: want one of %s after %q", what, e.value, strings.Join(seconds, ", "), first)
		}
	}
	return nil
}
