package profile

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

var hostShape = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// check says what is wrong with a profile that could be read, and where.
func (p *Profile) check(at func(path string) strictyaml.Place) error {
	switch {
	case p.Name == "" && p.Sport == "":
		return at("profile").Errorf("no profile: profile, sport and match are needed")
	case p.Name == "" || p.Name != strings.ReplaceAll(event.Slug(p.Name), "_", "-"):
		return at("profile").Errorf("profile %q: want a name of a-z, 0-9 and -", p.Name)
	case !slices.Contains(event.Sports(), p.Sport):
		return at("sport").Errorf("sport %q: want one of %v", p.Sport, event.Sports())
	case p.Format != "" && p.Format != "html" && p.Format != "json":
		return at("format").Errorf("format %q: want html or json", p.Format)
	case !p.Match.Home.IsSet() || !p.Match.Away.IsSet():
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
	return p.checkUses()
}

// checkJSON holds the rules against the format of the page.
func (p *Profile) checkJSON(at func(path string) strictyaml.Place) error {
	isJSON := p.Format == "json"
	switch {
	case isJSON && p.JSON.IsSet():
		return p.JSON.place.Errorf("json says which part of an HTML page is JSON; with format: json all of it is")
	case isJSON && (p.Comments || p.Complete != nil):
		return at("format").Errorf("comments and complete are for HTML pages")
	case p.JSON.As == asFlight && p.JSON.CSS == nil:
		return p.JSON.place.Errorf("as: flight reads scripts: give css that finds them")
	case p.JSON.As != "" && p.JSON.As != asFlight:
		return p.JSON.place.Errorf("as %q is for clocks", p.JSON.As)
	}
	var fault error
	p.eachRule(func(r *Rule) {
		switch {
		case fault != nil:
		case isJSON && (r.CSS != nil || r.When.entries != nil):
			fault = r.place.Errorf("a selector finds nothing in JSON: ask by jq")
		case !isJSON && !p.JSON.IsSet() && r.JQ != nil:
			fault = r.place.Errorf("jq has no JSON to ask: say by json where it stands in the page, or format: json")
		}
	})
	return fault
}

func (p *Profile) checkMatch() error {
	if p.Matches.IsSet() && !rowsRule(&p.Matches) {
		return p.Matches.place.Errorf("matches: want a selector or jq")
	}
	var statuses []string
	for _, s := range event.Statuses() {
		statuses = append(statuses, string(s))
	}
	for _, e := range p.Match.Status.outcomes() {
		if status, period, _ := strings.Cut(e.value, " "); status == string(event.Live) && event.Period(period).IsBreak() {
			return e.place.Errorf("status %q: nothing is played in a break: break %s", e.value, period)
		}
	}
	return checkWords(&p.Match.Status, "status", statuses, p.periods())
}

func (p *Profile) checkIncidents(in *IncidentRules, place strictyaml.Place) error {
	switch {
	case !in.Rows.IsSet() || !in.Kind.IsSet():
		return place.Errorf("rows and kind are needed (a selector that begins with # stands in quotes, or YAML takes it for a comment)")
	case !rowsRule(&in.Rows):
		return in.Rows.place.Errorf("rows: want a selector or jq")
	case in.Side.IsSet() && in.Team.IsSet() || !in.Side.IsSet() && !in.Team.IsSet() && !in.ofNeitherSide():
		return in.Rows.place.Errorf("give one of side and team: whose incident is it?")
	case in.HomeScore.IsSet() != in.AwayScore.IsSet():
		return in.Rows.place.Errorf("give both of home_score and away_score, or none")
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
		if p.Sport.Scores(event.Kind(kind)) && !p.Sport.CountsGoals() && !in.HomeScore.IsSet() {
			return e.place.Errorf("kind %q: home_score and away_score are needed, the score after it, to tell one from another; "+
				"where the page has none, leave the row out, and the score itself is followed", kind)
		}
	}
	return errors.Join(
		checkWords(&in.Kind, "kind", kinds, nil),
		checkWords(&in.Side, "side", []string{string(event.Home), string(event.Away)}, nil),
		checkWords(&in.Period, "period", p.periods(), nil))
}

// ofNeitherSide reports whether all that a list holds need not belong to a team.
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

// noSelector refuses a word of ours where a selector is read.
func noSelector(r *Rule, what string, words []string) error {
	if r.CSS != nil && slices.Contains(words, r.CSS.text) {
		return r.place.Errorf("%s: %s is a selector here; what is always so is written {value: %s}", what, r.CSS.text, r.CSS.text)
	}
	return nil
}

// rowsRule reports whether a rule finds rows.
func rowsRule(r *Rule) bool {
	if r.first == nil {
		return r.CSS != nil || r.JQ != nil
	}
	for i := range r.first {
		if !rowsRule(&r.first[i]) {
			return false
		}
	}
	return true
}

// checkUses refuses members in places where they say nothing.
func (p *Profile) checkUses() error {
	lists := map[*Rule]bool{&p.Matches: true}
	clocks := map[*Rule]bool{&p.Match.Clock: true}
	for i := range p.Incidents {
		lists[&p.Incidents[i].Rows], clocks[&p.Incidents[i].Clock] = true, true
	}
	for _, rules := range []map[*Rule]bool{lists, clocks} {
		for r := range maps.Clone(rules) {
			for i := range r.first {
				rules[&r.first[i]] = true
			}
		}
	}
	var fault error
	p.eachRule(func(r *Rule) {
		switch {
		case fault != nil:
		case r.Layout != "" && !isLayout(r.Layout):
			fault = r.place.Errorf("layout %q: want unix, unix_ms, or January 2, 2006, 15:04:05 as the site writes it", r.Layout)
		case r.Siblings && !lists[r]:
			fault = r.place.Errorf("siblings is for matches and rows")
		case lists[r] && (r.Attr != "" || r.OwnText || r.Regexp != nil || r.Map.entries != nil || r.Prefix != "" || r.Inherit):
			fault = r.place.Errorf("a list of rows is found by css or jq alone")
		case r.As != "" && !clocks[r] && r != &p.JSON:
			fault = r.place.Errorf("as %q is for clocks", r.As)
		case r.As == asFlight && r != &p.JSON:
			fault = r.place.Errorf("as %q is for json", r.As)
		}
	})
	return fault
}

// isLayout reports whether a layout has anything of a time in it.
func isLayout(s string) bool {
	return s == "unix" || s == "unix_ms" || time.Date(2011, 11, 22, 13, 33, 44, 0, time.UTC).Format(s) != s
}

func (p *Profile) periods() []string {
	var all []string
	for _, q := range p.Sport.Periods() {
		all = append(all, string(q))
	}
	return all
}

// checkWords holds what a rule can give against a vocabulary: the first word
// must be one of words; a second, where seconds are given, one of those.
func checkWords(r *Rule, what string, words, seconds []string) error {
	for _, e := range r.outcomes() {
		first, second, _ := strings.Cut(e.value, " ")
		if !slices.Contains(words, first) {
			return e.place.Errorf("%s %q: want one of %s", what, first, strings.Join(words, ", "))
		}
		if second != "" && seconds != nil && !slices.Contains(seconds, second) {
			return e.place.Errorf("%s %q: want one of %s after %q", what, e.value, strings.Join(seconds, ", "), first)
		}
	}
	return nil
}
