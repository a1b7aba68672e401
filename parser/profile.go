package parser

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// A Profile says where on a site's pages the facts stand. It is a YAML file; a
// new site needs no Go. docs/profiles.md explains how to write one.
type Profile struct {
	Name      string          `yaml:"profile"`
	Sport     event.Sport     `yaml:"sport"`
	Format    string          `yaml:"format"` // "html" (as without it) or "json"
	JSON      Rule            `yaml:"json"`   // html: the script text that holds the JSON which jq rules ask
	Match     MatchRules      `yaml:"match"`
	Incidents []IncidentRules `yaml:"incidents"`
}

// MatchRules find what a page says of the match as a whole.
type MatchRules struct {
	ID           Rule `yaml:"id"`
	League       Rule `yaml:"league"`
	Home         Rule `yaml:"home"`
	Away         Rule `yaml:"away"`
	HomeCode     Rule `yaml:"home_code"` // how incident rows name the team, where not by its name
	AwayCode     Rule `yaml:"away_code"`
	Start        Rule `yaml:"start"`
	Status       Rule `yaml:"status"` // "live", or with the period: "live 2h", "break ht"
	Clock        Rule `yaml:"clock"`
	HomeScore    Rule `yaml:"home_score"`
	AwayScore    Rule `yaml:"away_score"`
	HomeShootout Rule `yaml:"home_shootout"`
	AwayShootout Rule `yaml:"away_shootout"`
}

// IncidentRules find one list of incidents. A row without a kind is none; it
// may still tell the rows below it something that they inherit.
type IncidentRules struct {
	Rows   Rule `yaml:"rows"`
	Kind   Rule `yaml:"kind"` // "goal", or with the detail: "goal own_goal"
	Detail Rule `yaml:"detail"`
	Side   Rule `yaml:"side"` // "home" or "away": whose goal it is, also if an own goal
	Team   Rule `yaml:"team"` // instead of side: the team's name or code
	Player Rule `yaml:"player"`
	Off    Rule `yaml:"off"`
	Assist Rule `yaml:"assist"`
	Period Rule `yaml:"period"`
	Clock  Rule `yaml:"clock"`
}

// LoadProfile reads a profile. file is what errors call it; they name line,
// column and value too.
func LoadProfile(file string, data []byte) (*Profile, error) {
	var p Profile
	if err := strictyaml.Decode(file, data, &p); err != nil {
		return nil, err
	}
	at := func(path string) strictyaml.Place { return strictyaml.Find(data, path) }
	if err := p.check(at); err != nil {
		return nil, strictyaml.InFile(file, err)
	}
	return &p, nil
}

func (p *Profile) check(at func(path string) strictyaml.Place) error {
	switch {
	case p.Name == "" || p.Name != strings.ReplaceAll(event.Slug(p.Name), "_", "-"):
		return at("profile").Errorf("profile %q: want a name of a-z, 0-9 and -", p.Name)
	case !slices.Contains(event.Sports(), p.Sport):
		return at("sport").Errorf("sport %q: want one of %v", p.Sport, event.Sports())
	case p.Format != "" && p.Format != "html" && p.Format != "json":
		return at("format").Errorf("format %q: want html or json", p.Format)
	case p.Format == "json" && p.JSON.set():
		return p.JSON.place.Errorf("json says which part of an HTML page is JSON; with format: json all of it is")
	case !p.Match.Home.set() || !p.Match.Away.set():
		return at("match").Errorf("match.home and match.away: both are needed, to know whose page it is")
	}
	statuses := []string{}
	for _, s := range event.Statuses() {
		statuses = append(statuses, string(s))
	}
	if err := p.checkWords(&p.Match.Status, "status", statuses, p.periods()); err != nil {
		return err
	}
	kinds := []string{}
	for _, k := range p.Sport.Kinds() {
		kinds = append(kinds, string(k))
	}
	for i := range p.Incidents {
		in := &p.Incidents[i]
		if !in.Rows.set() || !in.Kind.set() {
			return at(fmt.Sprintf("incidents[%d]", i)).Errorf("rows and kind are needed")
		}
		if in.Rows.CSS == nil && in.Rows.JQ == nil {
			return in.Rows.place.Errorf("rows: want a selector or jq")
		}
		if in.Side.set() == in.Team.set() {
			return in.Rows.place.Errorf("give one of side and team: whose incident is it?")
		}
		for _, e := range in.Kind.outcomes() {
			if kind, _, _ := strings.Cut(e.value, " "); !p.Sport.CountsGoals() && slices.Contains(scoring, event.Kind(kind)) {
				return e.place.Errorf("kind %q: scores of %s cannot be told apart yet; leave the row out, and the score itself is followed", kind, p.Sport)
			}
		}
		err := errors.Join(
			p.checkWords(&in.Kind, "kind", kinds, nil),
			p.checkWords(&in.Side, "side", []string{string(event.Home), string(event.Away)}, nil),
			p.checkWords(&in.Period, "period", p.periods(), nil))
		if err != nil {
			return err
		}
	}
	return nil
}

// scoring are the kinds that move the score in sports where it is not the
// number of goals.
var scoring = []event.Kind{"basket", "touchdown", "extra_point", "two_point", "field_goal", "safety", "run", "home_run",
	"try", "conversion", "penalty_goal", "drop_goal", "game", "set", "break"}

func (p *Profile) periods() []string {
	var all []string
	for _, q := range p.Sport.Periods() {
		all = append(all, string(q))
	}
	return all
}

// checkWords holds what a rule can give against a vocabulary: the first word
// must be one of words; a second, where seconds are given, one of those.
func (p *Profile) checkWords(r *Rule, what string, words, seconds []string) error {
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

// A Library holds profiles by name.
type Library map[string]*Profile

// LoadLibrary reads every *.yaml file of the folders, the later ones replacing
// profiles of the same name.
func LoadLibrary(folders ...fs.FS) (Library, error) {
	lib := Library{}
	for _, folder := range folders {
		files, err := fs.Glob(folder, "*.yaml")
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			data, err := fs.ReadFile(folder, f)
			if err != nil {
				return nil, err
			}
			p, err := LoadProfile(f, data)
			if err != nil {
				return nil, fmt.Errorf("profile %w", err)
			}
			lib[p.Name] = p
		}
	}
	return lib, nil
}

// Find returns a profile by its name, or reads it if name is the path of a file.
func (l Library) Find(name string) (*Profile, error) {
	if p := l[name]; p != nil {
		return p, nil
	}
	if ext := path.Ext(name); ext == ".yaml" || ext == ".yml" || strings.ContainsRune(name, filepath.Separator) {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("profile: %w", err)
		}
		p, err := LoadProfile(name, data)
		if err != nil {
			return nil, fmt.Errorf("profile %w", err)
		}
		return p, nil
	}
	return nil, fmt.Errorf("profile %q: none of that name; there are %s, or give a file", name,
		strings.Join(slices.Sorted(maps.Keys(l)), ", "))
}
