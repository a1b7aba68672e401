package profile

import (
	"fmt"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/profile/internal/css"
)

// A Profile has the rules that find each fact on the pages of a site. It is written in YAML, so a
// new site needs no Go code. docs/profiles.md explains how to write a profile. A Profile is safe
// for concurrent use.
type Profile struct {
	Name      string                         `yaml:"profile"`
	Version   Version                        `yaml:"version"` // from 1; 0 if unknown
	Seen      Date                           `yaml:"seen"`    // the last day when the profile worked; zero if unknown
	Sport     event.Sport                    `yaml:"-"`
	SportRule sportRule                      `yaml:"sport"`
	Hosts     []string                       `yaml:"hosts"`     // hosts of pages, including subdomains; nil means any host
	Languages []string                       `yaml:"languages"` // languages of the pages, such as "en"; nil if unknown
	Format    string                         `yaml:"format"`    // "html" or "json"; "" means "html"
	JSON      Rule                           `yaml:"json"`      // html: finds the embedded JSON for jq rules
	Root      *query                         `yaml:"root"`      // the part of the JSON that jq rules query; nil means all
	Comments  bool                           `yaml:"comments"`  // html: whether to parse the markup in comments too
	Complete  *selector                      `yaml:"complete"`  // html: the page is truncated if it lacks this element
	Matches   Rule                           `yaml:"matches"`   // finds the rows of a page with several matches
	Empty     Rule                           `yaml:"empty"`     // finds a value on a page whose list has no matches
	Match     MatchRules                     `yaml:"match"`
	Incidents []IncidentRules                `yaml:"incidents"`
	Lineups   []LineupRules                  `yaml:"lineups"`
	Lengths   map[string]strictyaml.Duration `yaml:"lengths"` // lengths of periods, by their letters, such as q
	Layouts   []Layout                       `yaml:"layouts"` // layouts of the pages; the first that fits a page applies

	// Fictional is set by the owner of a profile whose site does not exist. Errors do not suggest such a profile.
	Fictional bool `yaml:"-"`

	file     string           // as given to Load
	keys     map[css.Key]bool // keys of all selectors, for the index of a page
	usesNow  bool             // whether a query uses the time of the page
	layout   *Layout          // the layout of this variant; nil if the profile is not a variant
	variants []*Profile       // the profile with each of its layouts; only the profile itself if it has none
}

// MatchRules are the rules for the facts about the match as a whole.
type MatchRules struct {
	ID           Rule `yaml:"id"`
	League       Rule `yaml:"league"`
	LeagueKey    Rule `yaml:"league_key"` // the league's word in routing keys
	Home         Rule `yaml:"home"`
	Away         Rule `yaml:"away"`
	HomeCode     Rule `yaml:"home_code"` // the team's name in the rows of incidents, if it differs
	AwayCode     Rule `yaml:"away_code"`
	Start        Rule `yaml:"start"`
	Status       Rule `yaml:"status"` // "live", or with the period: "live 2h", "break ht"
	Clock        Rule `yaml:"clock"`
	HomeScore    Rule `yaml:"home_score"`
	AwayScore    Rule `yaml:"away_score"`
	HomeShootout Rule `yaml:"home_shootout"`
	AwayShootout Rule `yaml:"away_shootout"`
	Winner       Rule `yaml:"winner"` // "home", "away" or "draw", if the scores do not show it

	HomeLineScore Rule           `yaml:"home_line_score"` // points by period: one element for each period, or one text
	AwayLineScore Rule           `yaml:"away_line_score"`
	Situation     SituationRules `yaml:"situation"`

	HomeFormation Rule `yaml:"home_formation"` // such as "4-3-3"
	AwayFormation Rule `yaml:"away_formation"`
	HomeCoach     Rule `yaml:"home_coach"`
	AwayCoach     Rule `yaml:"away_coach"`
}

// SituationRules are the rules for the members of an [event.Situation]. Each sport has only some of
// them; see [event.Rules].
type SituationRules struct {
	Possession   Rule `yaml:"possession"` // "home" or "away", like Batting, Serving and PowerPlay
	Batting      Rule `yaml:"batting"`
	Serving      Rule `yaml:"serving"`
	PowerPlay    Rule `yaml:"power_play"`
	Strength     Rule `yaml:"strength"` // "5-4"
	Balls        Rule `yaml:"balls"`
	Strikes      Rule `yaml:"strikes"`
	Outs         Rule `yaml:"outs"`
	Bases        Rule `yaml:"bases"` // "1 3"; "none" if the page shows that no base is occupied
	Down         Rule `yaml:"down"`
	Distance     Rule `yaml:"distance"` // a number of yards, or "goal"
	BallOn       Rule `yaml:"ball_on"`
	Target       Rule `yaml:"target"`
	RequiredRate Rule `yaml:"required_rate"`
	HomePoints   Rule `yaml:"home_points"`
	AwayPoints   Rule `yaml:"away_points"`
}

// rules returns the rules in the order of docs/profiles.md. Each has the name of an [event.Member].
func (r *SituationRules) rules() []namedRule {
	return []namedRule{
		{"possession", &r.Possession},
		{"batting", &r.Batting},
		{"balls", &r.Balls},
		{"strikes", &r.Strikes},
		{"outs", &r.Outs},
		{"bases", &r.Bases},
		{"down", &r.Down},
		{"distance", &r.Distance},
		{"ball_on", &r.BallOn},
		{"target", &r.Target},
		{"required_rate", &r.RequiredRate},
		{"serving", &r.Serving},
		{"home_points", &r.HomePoints},
		{"away_points", &r.AwayPoints},
		{"power_play", &r.PowerPlay},
		{"strength", &r.Strength},
	}
}

// IncidentRules are the rules for one list of incidents. A row without a kind is skipped, but later
// rows can inherit its values.
type IncidentRules struct {
	Rows      Rule `yaml:"rows"`
	Kind      Rule `yaml:"kind"` // "goal", or with the detail: "goal own_goal"
	Detail    Rule `yaml:"detail"`
	Side      Rule `yaml:"side"` // "home" or "away"; an own goal counts for the opponent
	Team      Rule `yaml:"team"` // instead of side: the team's name or code
	Player    Rule `yaml:"player"`
	Off       Rule `yaml:"off"`
	Assist    Rule `yaml:"assist"`
	Period    Rule `yaml:"period"`
	Clock     Rule `yaml:"clock"`
	HomeScore Rule `yaml:"home_score"` // after the incident; required for points in sports that do not count goals
	AwayScore Rule `yaml:"away_score"`
}

// A namedRule is a rule and its YAML key.
type namedRule struct {
	name string
	rule *Rule
}

// rules returns the rules in the order of docs/profiles.md.
func (r *MatchRules) rules() []namedRule {
	all := []namedRule{
		{"id", &r.ID},
		{"league", &r.League},
		{"league_key", &r.LeagueKey},
		{"home", &r.Home},
		{"away", &r.Away},
		{"home_code", &r.HomeCode},
		{"away_code", &r.AwayCode},
		{"start", &r.Start},
		{"status", &r.Status},
		{"clock", &r.Clock},
		{"home_score", &r.HomeScore},
		{"away_score", &r.AwayScore},
		{"home_shootout", &r.HomeShootout},
		{"away_shootout", &r.AwayShootout},
		{"winner", &r.Winner},
		{"home_line_score", &r.HomeLineScore},
		{"away_line_score", &r.AwayLineScore},
		{"home_formation", &r.HomeFormation},
		{"away_formation", &r.AwayFormation},
		{"home_coach", &r.HomeCoach},
		{"away_coach", &r.AwayCoach},
	}
	for _, n := range r.Situation.rules() {
		all = append(all, namedRule{"situation." + n.name, n.rule})
	}
	return all
}

// rules returns the rules in the order of docs/profiles.md, without Rows.
func (r *IncidentRules) rules() []namedRule {
	return []namedRule{{"kind", &r.Kind}, {"detail", &r.Detail}, {"side", &r.Side}, {"team", &r.Team},
		{"player", &r.Player}, {"off", &r.Off}, {"assist", &r.Assist}, {"period", &r.Period}, {"clock", &r.Clock},
		{"home_score", &r.HomeScore}, {"away_score", &r.AwayScore}}
}

// Load decodes and checks a profile. Its error contains all mistakes, each with file, line, column and value; see
// [strictyaml.All].
func Load(file string, data []byte) (*Profile, error) {
	var p Profile
	if !IsProfile(data) {
		return nil, strictyaml.InFile(file, strictyaml.Pos{Line: 1, Column: 1}.Errorf(
			"not a profile: want the members profile, sport and match"))
	}
	at := func(path string) strictyaml.Pos { return strictyaml.PosAt(data, path) }
	faults := strictyaml.Decode(file, data, &p)
	if strictyaml.Decoded(faults) {
		faults = strictyaml.All(file, faults, strictyaml.CheckEmpty(data, "map", quoteHint), p.check(at))
	}
	if faults != nil {
		return nil, faults
	}
	p.file, p.keys = file, map[css.Key]bool{}
	for _, v := range p.variants {
		for _, s := range v.selectors() {
			p.keys[s.Key] = true
		}
		v.eachRule(func(r *Rule) { p.usesNow = p.usesNow || r.JQ != nil && r.JQ.usesNow() })
		p.usesNow = p.usesNow || v.Root != nil && v.Root.usesNow()
	}
	return &p, nil
}

// File returns the file of the profile, as given to [Load].
func (p *Profile) File() string { return p.file }

// ManyMatches reports whether the profile is for pages with several matches.
func (p *Profile) ManyMatches() bool { return p.variants[0].Matches.isSet() }

// DependsOnTime reports whether a query of the profile uses the time of the page. If so, the
// observation of an unchanged page can change.
func (p *Profile) DependsOnTime() bool { return p.usesNow }

// CheckMatch returns an error if a source with this profile cannot have this match ID. A source
// needs a match ID if the profile has no rule for the ID. It must not have a match ID if its pages
// have several matches.
func (p *Profile) CheckMatch(id string) error {
	switch {
	case id == "" && !p.variants[0].Match.ID.isSet():
		return fmt.Errorf("profile %s has no rule for the match ID: set match", p.Name)
	case id != "" && p.ManyMatches():
		return fmt.Errorf("match %q: profile %s is for pages with several matches, which show their own IDs: remove match",
			id, p.Name)
	case id != "":
		return event.CheckMatchID(id)
	}
	return nil
}

// eachRule calls f for every rule of the profile, set or not, including alternatives and the rules
// in join and from.
func (p *Profile) eachRule(f func(*Rule)) {
	if p.layout != nil {
		p.layout.If.walk(f)
	}
	p.JSON.walk(f)
	p.Matches.walk(f)
	p.Empty.walk(f)
	for _, n := range p.Match.rules() {
		n.rule.walk(f)
	}
	for i := range p.Incidents {
		p.Incidents[i].Rows.walk(f)
		for _, n := range p.Incidents[i].rules() {
			n.rule.walk(f)
		}
	}
	for i := range p.Lineups {
		p.Lineups[i].Rows.walk(f)
		for _, n := range p.Lineups[i].rules() {
			n.rule.walk(f)
		}
	}
}

// selectors returns all selectors of the profile.
func (p *Profile) selectors() []*selector {
	var all []*selector
	if p.Complete != nil {
		all = append(all, p.Complete)
	}
	p.eachRule(func(r *Rule) {
		if r.CSS != nil {
			all = append(all, r.CSS)
		}
		for _, e := range r.When.entries {
			all = append(all, e.when)
		}
	})
	return all
}
