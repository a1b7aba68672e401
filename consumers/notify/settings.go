package notify

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// Settings are notify's part of the config.
type Settings struct {
	// MaxAge is how long after its page was read an event is still told; 1h
	// without it. An older one waited for a consumer that was away.
	MaxAge strictyaml.Duration `yaml:"max_age"`
	// Language is that of what is told where no rule says otherwise; en without it.
	Language text `yaml:"language"`
	// Templates is a folder of language files, en.yaml and so on, that replace
	// texts or add languages, relative to the config file.
	Templates text `yaml:"templates"`
	// Link is the address of a match on a site, with {match} for its ID.
	Link text `yaml:"link"`
	// Channels are the ways to tell people, by name; the log alone without it.
	Channels map[string]channelSettings `yaml:"channels"`
	// Rules say what is told whom; without any, every channel is told of goals, red
	// cards, start, end and changes of status.
	Rules []ruleSettings `yaml:"rules"`
}

// A text is a value that knows where it stands.
type text struct {
	value string
	place strictyaml.Place
}

// UnmarshalYAML reads a text.
func (t *text) UnmarshalYAML(n ast.Node) error {
	t.place = strictyaml.PlaceOf(n)
	return strictyaml.DecodeNode(n, &t.value)
}

// A ruleSettings is a rule as it is written.
type ruleSettings struct {
	To       []text              `yaml:"to"` // channels; all without it
	Topics   []text              `yaml:"topics"`
	Teams    []string            `yaml:"teams"`
	Players  []string            `yaml:"players"`
	Kinds    []text              `yaml:"kinds"`
	Quiet    *quietSettings      `yaml:"quiet"`
	Delay    strictyaml.Duration `yaml:"delay"` // against spoilers
	Language text                `yaml:"language"`

	place strictyaml.Place
}

// UnmarshalYAML remembers where the rule stands.
func (r *ruleSettings) UnmarshalYAML(n ast.Node) error {
	type plain ruleSettings
	p := plain{place: strictyaml.PlaceOf(n)}
	err := strictyaml.DecodeNode(n, &p)
	*r = ruleSettings(p)
	return err
}

type quietSettings struct {
	From  text `yaml:"from"`  // "22:30"
	Until text `yaml:"until"` // "07:00"
	Zone  text `yaml:"zone"`  // "Europe/Berlin"; UTC without it
}

// defaultKinds are told where a rule names neither topics nor kinds.
var defaultKinds = []string{string(event.Goal), string(event.RedCard), string(event.MatchStart), string(event.MatchEnd), string(event.StatusChange)}

// maxDelay bounds a spoiler delay.
const maxDelay = 10 * time.Minute

var channelName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)

// A plan is settings that have been read and checked.
type plan struct {
	Settings
	texts texts
	rules []plannedRule
}

type plannedRule struct {
	rule
	to []string
}

// read reads the settings and checks all but the channels.
func read(h consumers.Host) (p plan, err error) {
	p.Settings = Settings{MaxAge: strictyaml.Duration(time.Hour), Language: text{value: "en"}}
	if err := h.Settings(&p.Settings); err != nil {
		return p, err
	}
	if p.Channels != nil && len(p.Channels) == 0 {
		return p, errors.New("channels: want at least one, or leave it out to log")
	}
	if u, err := url.Parse(p.Link.value); p.Link.value != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		return p, p.Link.place.Errorf("link %q: want the address of a match, like https://club.example/match/{match}", p.Link.value)
	}
	if p.Rules != nil && len(p.Rules) == 0 {
		return p, errors.New("rules: want at least one, or leave it out for the usual events")
	}
	if p.Channels == nil {
		p.Channels = map[string]channelSettings{"log": {Log: &struct{}{}}}
	}
	for name, c := range p.Channels {
		if !channelName.MatchString(name) {
			return p, c.place.Errorf("channel %q: want at most 40 of a-z, 0-9, _ and -", name)
		}
	}
	folder := ""
	if p.Templates.value != "" {
		folder = h.Path(p.Templates.value)
	}
	if p.texts, err = loadTexts(folder, h.Elsewhere); err != nil {
		var placed *strictyaml.Error
		if errors.As(err, &placed) {
			return p, err
		}
		return p, p.Templates.place.Errorf("%w", err)
	}
	if p.Rules == nil {
		p.Rules = []ruleSettings{{}}
	}
	for _, r := range p.Rules {
		planned, err := p.checkRule(r, h)
		if err != nil {
			return p, err
		}
		p.rules = append(p.rules, planned)
	}
	for name, c := range p.Channels {
		if !slices.ContainsFunc(p.rules, func(r plannedRule) bool { return r.speaksTo(name) }) {
			return p, c.place.Errorf("channel %s: no rule names it, so it would tell nothing", name)
		}
	}
	return p, p.knows(p.Language, h)
}

// speaksTo reports whether a rule is for a channel.
func (r plannedRule) speaksTo(channel string) bool {
	return r.to == nil || slices.Contains(r.to, channel)
}

func (p plan) knows(l text, h consumers.Host) error {
	if l.value == "" || p.texts.has(l.value) || h.Elsewhere {
		return nil
	}
	return l.place.Errorf("no texts in language %q; there are %s", l.value, strings.Join(p.texts.languages(), ", "))
}

func values(all []text) []string {
	var v []string
	for _, t := range all {
		v = append(v, t.value)
	}
	return v
}

// checkRule checks a rule and returns it as planned.
func (p plan) checkRule(r ruleSettings, h consumers.Host) (plannedRule, error) {
	planned := plannedRule{to: values(r.To), rule: rule{delay: time.Duration(r.Delay), language: r.Language.value,
		filter: filter{Topics: values(r.Topics), Teams: r.Teams, Players: r.Players, Kinds: values(r.Kinds)}}}
	for _, to := range r.To {
		if _, ok := p.Channels[to.value]; !ok {
			return planned, to.place.Errorf("no channel %q; there are %s", to.value, strings.Join(slices.Sorted(maps.Keys(p.Channels)), ", "))
		}
	}
	if r.To != nil && len(r.To) == 0 {
		return planned, r.place.Errorf("to: want channels")
	}
	for _, t := range r.Topics {
		if err := event.CheckPattern(t.value); err != nil {
			return planned, t.place.Errorf("%w", err)
		}
		if why := unknownTopic(t.value); why != "" {
			return planned, t.place.Errorf("topic pattern %q: %s", t.value, why)
		}
	}
	for _, k := range r.Kinds {
		if !knownKind(event.Kind(k.value)) {
			return planned, k.place.Errorf("there is no kind %q; docs/notify.md lists them", k.value)
		}
	}
	if len(r.Topics) == 0 && len(r.Kinds) == 0 {
		planned.Kinds, planned.usual = defaultKinds, true
	}
	if planned.delay > maxDelay || planned.delay >= time.Duration(p.MaxAge) {
		return planned, r.place.Errorf("delay %v: want %v at most, and less than max_age, %v", planned.delay, maxDelay, time.Duration(p.MaxAge))
	}
	if slices.Contains(slices.Concat(r.Teams, r.Players), "") {
		return planned, r.place.Errorf("a team or player without a name")
	}
	if len(r.Topics) > 0 && len(r.Kinds) > 0 && !planned.possible() {
		return planned, r.place.Errorf("no event has one of these topics and one of these kinds")
	}
	if err := p.knows(r.Language, h); err != nil {
		return planned, err
	}
	if planned.language == "" {
		planned.language = p.Language.value
	}
	if r.Quiet == nil {
		return planned, nil
	}
	quiet, err := r.Quiet.hours(r.place)
	planned.quiet = quiet
	return planned, err
}

// unknownTopic says why no event of a known sport has such a topic, or "".
func unknownTopic(pattern string) string {
	words := strings.Split(pattern, ".")
	if len(words) != 3 || strings.ContainsAny(pattern, "#") || words[2] == "*" {
		return ""
	}
	base, sport := event.BaseKind(words[2]), event.Sport(words[0])
	if !slices.Contains(event.Sports(), sport) && words[0] != "*" || slices.Contains(event.CommonKinds(), base) {
		return ""
	}
	if words[0] == "*" && knownKind(base) || slices.Contains(sport.Kinds(), base) {
		return ""
	}
	if words[0] == "*" {
		return fmt.Sprintf("there is no kind %q", base)
	}
	return fmt.Sprintf("%s has no kind %q", sport, base)
}

func knownKind(k event.Kind) bool {
	return slices.Contains(event.CommonKinds(), k) ||
		slices.ContainsFunc(event.Sports(), func(s event.Sport) bool { return slices.Contains(s.Kinds(), k) })
}

func (q quietSettings) hours(place strictyaml.Place) (*quiet, error) {
	hours := quiet{zone: time.UTC}
	for _, b := range []struct {
		name string
		text text
		into *time.Duration
	}{{"from", q.From, &hours.from}, {"until", q.Until, &hours.until}} {
		t, err := time.Parse("15:04", b.text.value)
		if err != nil {
			if b.text.value != "" {
				place = b.text.place
			}
			return nil, place.Errorf("quiet.%s %q: want a time of day, like 22:30", b.name, b.text.value)
		}
		*b.into = time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
	}
	if hours.from == hours.until {
		return nil, q.From.place.Errorf("quiet: from and until are both %s: no hours lie between", q.From.value)
	}
	if q.Zone.value != "" {
		zone, err := time.LoadLocation(q.Zone.value)
		if err != nil || q.Zone.value == "Local" {
			return nil, q.Zone.place.Errorf("time zone %q: want one like Europe/Berlin", q.Zone.value)
		}
		hours.zone = zone
	}
	return &hours, nil
}

// notifier returns the notifier of a channel.
func (p plan) notifier(name string, c channelSettings, h consumers.Host) (*notifier, error) {
	keys := h.Prefix + "notify:" + name + ":"
	log := h.Log.With("channel", name)
	n := &notifier{channel: name, link: p.Link.value, maxAge: time.Duration(p.MaxAge), texts: p.texts, speaks: p.Language.value, log: log,
		limiter: rateLimiter{redis: h.Redis, prefix: keys + "turns:", rate: c.Rate}, deliveries: deliveries{redis: h.Redis, prefix: keys, lease: consumers.LeaseTime, log: log}}
	for _, r := range p.rules {
		if r.speaksTo(name) {
			n.rules = append(n.rules, r.rule)
		}
	}
	var err error
	n.sender, err = c.sender(name, h)
	if push, ok := n.sender.(*push); ok {
		n.push = push
		push.subscribers.texts = p.texts
	}
	return n, err
}
