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

// quoteHint is appended to errors about a missing or empty selector.
const quoteHint = "(put a selector that begins with # in quotes, because # starts a comment in YAML)"

// languageShape is the form of a language code.
var languageShape = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

// hostShape is the form of a host.
var hostShape = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// check checks a decoded profile, and sets its sport and its variants. The error joins all faults, each with its
// position. at returns the position of a YAML path.
func (p *Profile) check(at func(path string) strictyaml.Pos) error {
	if p.Name == "" && p.SportRule.name == "" {
		return at("profile").Missingf("set profile, sport and match: every profile needs them")
	}
	faults := p.checkHead(at)
	if err := p.SportRule.define(at); err != nil {
		return errors.Join(faults, err) // the sport has the vocabulary of the rules
	}
	p.Sport = p.SportRule.name
	for name := range p.Lengths {
		if !slices.ContainsFunc(p.Sport.Rules().Periods, func(q event.Period) bool { return isPeriod(q, name) }) {
			err := at("lengths").Errorf("%q: want the letters of a period of %s, such as q for q1", name, p.Sport)
			faults = errors.Join(faults, err)
		}
	}
	if err := p.setVariants(at); err != nil {
		return errors.Join(faults, err)
	}
	for i, v := range p.variants {
		in := ""
		if v.layout != nil {
			in = fmt.Sprintf("layouts[%d].", i)
		}
		faults = errors.Join(faults, v.checkRules(at, in))
	}
	return faults
}

// checkHead checks the name, the format, the hosts and the languages.
func (p *Profile) checkHead(at func(path string) strictyaml.Pos) error {
	var faults []error
	if !isSlug(p.Name) {
		faults = append(faults,
			at("profile").Errorf("profile %q: want a name of a-z and 0-9, with single - between words", p.Name))
	}
	if p.Format != "" && p.Format != "html" && p.Format != "json" {
		faults = append(faults, at("format").Errorf("format %q: want html or json", p.Format))
	}
	for i, h := range p.Hosts {
		if !hostShape.MatchString(h) {
			faults = append(faults, at(fmt.Sprintf("hosts[%d]", i)).Errorf(
				"host %q: want a name like mysite.example, in lower case, without scheme or port", h))
		}
	}
	for i, code := range p.Languages {
		if !languageShape.MatchString(code) {
			faults = append(faults,
				at(fmt.Sprintf("languages[%d]", i)).Errorf("language %q: want a code like en or pt-BR", code))
		}
	}
	return errors.Join(faults...)
}

// checkRules checks the rules of a variant. in is the path of the variant's layout, such as
// "layouts[0].", or "" if the variant has no layout.
func (p *Profile) checkRules(at func(path string) strictyaml.Pos, in string) error {
	var faults []error
	if !p.Match.Home.isSet() || !p.Match.Away.isSet() {
		pos := at("match")
		if p.layout != nil {
			pos = at(strings.TrimSuffix(in, "."))
		}
		faults = append(faults, pos.Missingf("set both match.home and match.away %s", quoteHint))
	}
	faults = append(faults, p.checkJSON(at), p.checkMatch())
	incidents, lineups := in, in
	if p.layout == nil || p.layout.Incidents == nil {
		incidents = "" // the rules are in the profile, not in the layout
	}
	if p.layout == nil || p.layout.Lineups == nil {
		lineups = "" // the rules are in the profile, not in the layout
	}
	for i := range p.Incidents {
		faults = append(faults, p.checkIncidents(&p.Incidents[i], at(fmt.Sprintf("%sincidents[%d]", incidents, i))))
	}
	for i := range p.Lineups {
		faults = append(faults, p.Lineups[i].check(at(fmt.Sprintf("%slineups[%d]", lineups, i))))
	}
	return errors.Join(append(faults, p.checkMembers())...)
}

// checkMatch checks the rules for matches against the vocabulary of the sport.
func (p *Profile) checkMatch() error {
	var faults []error
	if p.Matches.isSet() && !findsRows(&p.Matches) {
		faults = append(faults, p.Matches.pos.Errorf("matches: want css or jq"))
	}
	if p.Empty.isSet() && !p.Matches.isSet() {
		faults = append(faults,
			p.Empty.pos.Missingf("empty is for pages with several matches: set matches, or remove empty"))
	}
	var statuses []string
	for _, s := range event.Statuses() {
		statuses = append(statuses, string(s))
	}
	for _, e := range p.Match.Status.outcomes() {
		if status, period, _ := strings.Cut(e.value, " "); status == string(event.Live) && event.Period(period).IsBreak() {
			faults = append(faults,
				e.pos.Errorf("status %q: a match is not live during a break: want \"break %s\"", e.value, period))
		}
	}
	home, away := p.Match.HomeScore.notation(), p.Match.AwayScore.notation()
	if home != "" && away != "" && home != away {
		faults = append(faults,
			p.Match.AwayScore.pos.Errorf("away_score: as %q, but home_score has as %q: want the same", away, home))
	}
	faults = append(faults, p.checkLineScore(), p.checkSituation())
	for _, e := range p.Match.LeagueKey.outcomes() {
		if err := event.CheckLeagueKey(e.value); err != nil {
			faults = append(faults, e.pos.Errorf("%w", err))
		}
	}
	var winners []string
	for _, w := range event.Winners() {
		winners = append(winners, string(w))
	}
	return errors.Join(append(faults,
		checkConstant(&p.Match.Winner, "winner", winners),
		checkValues(&p.Match.Winner, "winner", winners, nil),
		checkValues(&p.Match.Status, "status", statuses, p.periods()))...)
}

// checkLineScore checks the rules for the line score. Either both or neither must be set. They must
// not be set in a sport whose score contains the line score.
func (p *Profile) checkLineScore() error {
	home, away := &p.Match.HomeLineScore, &p.Match.AwayLineScore
	rule := home
	if !home.isSet() {
		rule = away
	}
	rules := p.Sport.Rules()
	switch {
	case !rule.isSet():
		return nil
	case rules.SetScore || rules.InningsScore:
		return rule.pos.Errorf("in %s, home_score and away_score contain the line score: remove the rule", p.Sport)
	case home.isSet() != away.isSet():
		return rule.pos.Missingf("set both home_line_score and away_line_score, or neither")
	}
	return nil
}

// checkSituation checks the rules for the situation against the members that the sport has.
func (p *Profile) checkSituation() error {
	var members []string
	for _, m := range p.Sport.Rules().Situation {
		members = append(members, m.Name)
	}
	sides := []string{string(event.Home), string(event.Away)}
	var faults []error
	for _, n := range p.Match.Situation.rules() {
		switch {
		case !n.rule.isSet():
		case len(members) == 0:
			faults = append(faults, n.rule.pos.Errorf("%s has no situation: remove the rule", p.Sport))
		case !slices.Contains(members, n.name):
			faults = append(faults,
				n.rule.pos.Errorf("%s does not have this member: want one of %s", p.Sport, strings.Join(members, ", ")))
		case n.namesSide():
			faults = append(faults, checkConstant(n.rule, n.name, sides), checkValues(n.rule, n.name, sides, nil))
		}
	}
	return errors.Join(faults...)
}

// namesSide reports whether the value of a rule for a member of the situation is a side.
func (n namedRule) namesSide() bool {
	return slices.Contains([]string{"possession", "batting", "serving", "power_play"}, n.name)
}

// checkIncidents checks the rules for one list against the vocabulary of the sport.
func (p *Profile) checkIncidents(in *IncidentRules, pos strictyaml.Pos) error {
	var faults []error
	if !in.Rows.isSet() || !in.Kind.isSet() {
		faults = append(faults, pos.Missingf("set both rows and kind %s", quoteHint))
	}
	switch {
	case !in.Rows.isSet():
	case !findsRows(&in.Rows):
		faults = append(faults, in.Rows.pos.Errorf("rows: want css or jq"))
	case in.Side.isSet() && in.Team.isSet() || !in.Side.isSet() && !in.Team.isSet() && !in.sideOptional():
		faults = append(faults, in.Rows.pos.Missingf("set either side or team"))
	case in.HomeScore.isSet() != in.AwayScore.isSet():
		faults = append(faults, in.Rows.pos.Missingf("set both home_score and away_score, or neither"))
	}
	var kinds []string
	for _, k := range p.Sport.Rules().Kinds {
		kinds = append(kinds, string(k))
	}
	sides := []string{string(event.Home), string(event.Away)}
	faults = append(faults, checkConstant(&in.Kind, "kind", kinds), checkConstant(&in.Side, "side", sides))
	for _, e := range in.Kind.outcomes() {
		kind, _, _ := strings.Cut(e.value, " ")
		if p.Sport.Scores(event.Kind(kind)) && !p.Sport.Rules().CountsGoals && !in.HomeScore.isSet() {
			faults = append(faults, e.pos.Missingf("kind %q: set home_score and away_score, because the score after an "+
				"incident identifies it; if the rows show no score, remove the kind, so that score_change reports "+
				"changes in the score", kind))
		}
	}
	return errors.Join(append(faults,
		checkValues(&in.Kind, "kind", kinds, nil),
		checkValues(&in.Side, "side", sides, nil),
		checkValues(&in.Period, "period", p.periods(), nil))...)
}

// sideOptional reports whether every kind in the list can belong to neither team. It returns false
// if the profile does not name the kinds.
func (r *IncidentRules) sideOptional() bool {
	kinds := r.Kind.outcomes()
	for _, e := range kinds {
		if kind, _, _ := strings.Cut(e.value, " "); !event.Kind(kind).SideOptional() {
			return false
		}
	}
	return len(kinds) > 0
}

// canList reports whether the list can have rows of kind k. It returns true if the kinds are
// unknown.
func (r *IncidentRules) canList(k event.Kind) bool {
	kinds := r.Kind.outcomes()
	return len(kinds) == 0 || slices.ContainsFunc(kinds, func(e entry) bool {
		kind, _, _ := strings.Cut(e.value, " ")
		return kind == string(k)
	})
}

// checkConstant returns an error if the rule's selector is one of values, because the author
// probably meant a constant. what is the name of the rule.
func checkConstant(r *Rule, what string, values []string) error {
	if r.CSS != nil && slices.Contains(values, r.CSS.Text) {
		return r.pos.Errorf("%s: %s is a selector: for a constant, write {value: %s}", what, r.CSS.Text, r.CSS.Text)
	}
	return nil
}

// periods returns the names of the sport's periods.
func (p *Profile) periods() []string {
	var all []string
	for _, q := range p.Sport.Rules().Periods {
		all = append(all, string(q))
	}
	return all
}

// checkValues checks every outcome of a rule against a vocabulary. The first word of an outcome
// must be one of firsts. The rest, if any, must be one of seconds, unless seconds is nil. what is
// the name of the rule.
func checkValues(r *Rule, what string, firsts, seconds []string) error {
	var faults []error
	for _, e := range r.outcomes() {
		switch first, second, _ := strings.Cut(e.value, " "); {
		case !slices.Contains(firsts, first):
			faults = append(faults, e.pos.Errorf("%s %q: want one of %s", what, first, strings.Join(firsts, ", ")))
		case second != "" && seconds != nil && !slices.Contains(seconds, second):
			faults = append(faults,
				e.pos.Errorf("%s %q: want one of %s after %q", what, e.value, strings.Join(seconds, ", "), first))
		}
	}
	return errors.Join(faults...)
}
