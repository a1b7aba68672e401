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
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/ratelimit"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// Settings are the settings of the consumer notify.
type Settings struct {
	// MaxAge is the greatest age of an event that is still sent; 1h without it. An older one has
	// waited for a consumer that was down.
	MaxAge strictyaml.Duration `yaml:"max_age"`
	// Language is the language of a rule that sets none; en without it.
	Language text `yaml:"language"`
	// Templates is a folder of language files, en.yaml and so on, that replace texts or add
	// languages, relative to the config file.
	Templates text `yaml:"templates"`
	// Link is the address of a match on a site, with {match} for its ID.
	Link text `yaml:"link"`
	// Channels are the channels by name. Without it there is one, which only logs.
	Channels map[string]send.Channel `yaml:"channels"`
	// Rules choose events for channels. Without it every channel gets goals, red cards, start, end
	// and changes of status.
	Rules []ruleSettings `yaml:"rules"`
}

type text = strictyaml.Text

// A ruleSettings is a rule as the config has it.
type ruleSettings struct {
	To       []text              `yaml:"to"` // channels; all without it
	Topics   []text              `yaml:"topics"`
	Teams    []string            `yaml:"teams"`
	Players  []string            `yaml:"players"`
	Kinds    []text              `yaml:"kinds"`
	Quiet    *quietSettings      `yaml:"quiet"`
	Delay    strictyaml.Duration `yaml:"delay"` // so that television comes first
	Language text                `yaml:"language"`

	pos strictyaml.Pos
}

// UnmarshalYAML reads the rule and records its position.
func (r *ruleSettings) UnmarshalYAML(n ast.Node) error {
	type plain ruleSettings
	p := plain{pos: strictyaml.PosOf(n)}
	err := strictyaml.DecodeNode(n, &p)
	*r = ruleSettings(p)
	return err
}

type quietSettings struct {
	From  text `yaml:"from"`  // "22:30"
	Until text `yaml:"until"` // "07:00"
	Zone  text `yaml:"zone"`  // "Europe/Berlin"; UTC without it
}

// defaultKinds are the kinds of a rule that names neither topics nor kinds.
var defaultKinds = []string{string(event.Goal), string(event.RedCard), string(event.MatchStart),
	string(event.MatchEnd), string(event.StatusChange)}

// maxDelay bounds a spoiler delay.
const maxDelay = 10 * time.Minute

var channelName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)

// A plan is checked settings.
type plan struct {
	Settings
	texts texts
	rules []plannedRule
}

// A plannedRule is a rule and the channels it applies to; nil means all.
type plannedRule struct {
	rule
	to []string
}

// read reads the settings and checks everything except the channels.
func read(h consumers.Host) (p plan, err error) {
	p.Settings = Settings{MaxAge: strictyaml.Duration(time.Hour), Language: text{Value: "en"}}
	if err := h.Settings(&p.Settings); err != nil {
		return p, err
	}
	if p.Channels != nil && len(p.Channels) == 0 {
		return p, errors.New("channels: want at least one; without channels, notify logs")
	}
	if link := p.Link.Value; link != "" {
		u, err := url.Parse(link)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return p, p.Link.Pos.Errorf("link %q: want the address of a match, like https://club.example/match/{match}", link)
		}
	}
	if p.Rules != nil && len(p.Rules) == 0 {
		return p, errors.New("rules: want at least one; without rules, every channel gets the usual events")
	}
	if p.Channels == nil {
		p.Channels = map[string]send.Channel{"log": {Log: &send.Log{}}}
	}
	for name, c := range p.Channels {
		if !channelName.MatchString(name) {
			return p, c.Pos.Errorf("channel %q: want at most 40 of a-z, 0-9, _ and -", name)
		}
	}
	folder := ""
	if p.Templates.Value != "" {
		folder = h.Path(p.Templates.Value)
	}
	if p.texts, err = loadTexts(folder, h.Elsewhere); err != nil {
		var placed *strictyaml.Error
		if errors.As(err, &placed) {
			return p, err
		}
		return p, p.Templates.Pos.Errorf("%w", err)
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
		if !slices.ContainsFunc(p.rules, func(r plannedRule) bool { return r.appliesTo(name) }) {
			return p, c.Pos.Errorf("channel %s: no rule names it, so it would send nothing", name)
		}
	}
	return p, p.checkLanguage(p.Language, h)
}

// appliesTo reports whether the rule is for a channel.
func (r plannedRule) appliesTo(channel string) bool {
	return r.to == nil || slices.Contains(r.to, channel)
}

// checkLanguage returns an error if there are no texts in a language.
func (p plan) checkLanguage(l text, h consumers.Host) error {
	if l.Value == "" || p.texts.has(l.Value) || h.Elsewhere {
		return nil
	}
	return l.Pos.Errorf("no texts in language %q; there are %s", l.Value, strings.Join(p.texts.languages(), ", "))
}

// channelNames returns the names of the channels, for errors.
func (p plan) channelNames() string {
	return strings.Join(slices.Sorted(maps.Keys(p.Channels)), ", ")
}

// values returns the texts without their places.
func values(all []text) []string {
	var v []string
	for _, t := range all {
		v = append(v, t.Value)
	}
	return v
}

// checkRule checks a rule and returns it as planned.
func (p plan) checkRule(r ruleSettings, h consumers.Host) (plannedRule, error) {
	planned := plannedRule{to: values(r.To), rule: rule{delay: time.Duration(r.Delay), language: r.Language.Value,
		filter: filter{Topics: values(r.Topics), Teams: r.Teams, Players: r.Players, Kinds: values(r.Kinds)}}}
	for _, to := range r.To {
		if _, ok := p.Channels[to.Value]; !ok {
			return planned, to.Pos.Errorf("no channel %q; there are %s", to.Value, p.channelNames())
		}
	}
	if r.To != nil && len(r.To) == 0 {
		return planned, r.pos.Errorf("to: want channels")
	}
	for _, t := range r.Topics {
		if err := event.CheckPattern(t.Value); err != nil {
			return planned, t.Pos.Errorf("%w", err)
		}
		if reason := unknownTopic(t.Value); reason != "" {
			return planned, t.Pos.Errorf("topic pattern %q: %s", t.Value, reason)
		}
	}
	for _, k := range r.Kinds {
		if !knownKind(event.Kind(k.Value)) {
			return planned, k.Pos.Errorf("there is no kind %q; docs/notify.md lists the kinds", k.Value)
		}
	}
	if len(r.Topics) == 0 && len(r.Kinds) == 0 {
		planned.Kinds, planned.usual = defaultKinds, true
	}
	if planned.delay > maxDelay || planned.delay >= time.Duration(p.MaxAge) {
		return planned, r.pos.Errorf("delay %v: want %v at most, and less than max_age, %v",
			planned.delay, maxDelay, time.Duration(p.MaxAge))
	}
	if slices.Contains(slices.Concat(r.Teams, r.Players), "") {
		return planned, r.pos.Errorf("teams and players: want names that are not empty")
	}
	if len(r.Topics) > 0 && len(r.Kinds) > 0 && !planned.possible() {
		return planned, r.pos.Errorf("no event has one of these topics and one of these kinds")
	}
	if err := p.checkLanguage(r.Language, h); err != nil {
		return planned, err
	}
	if planned.language == "" {
		planned.language = p.Language.Value
	}
	if r.Quiet == nil {
		return planned, nil
	}
	quiet, err := r.Quiet.hours(r.pos)
	planned.quiet = quiet
	return planned, err
}

// unknownTopic returns the reason why no event of a known sport has such a topic, or "".
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

// knownKind reports whether a sport has the kind.
func knownKind(k event.Kind) bool {
	return slices.Contains(event.CommonKinds(), k) ||
		slices.ContainsFunc(event.Sports(), func(s event.Sport) bool { return slices.Contains(s.Kinds(), k) })
}

// hours checks the settings of quiet hours and returns them.
func (q quietSettings) hours(pos strictyaml.Pos) (*quiet, error) {
	hours := quiet{zone: time.UTC}
	for _, b := range []struct {
		name string
		text text
		into *time.Duration
	}{{"from", q.From, &hours.from}, {"until", q.Until, &hours.until}} {
		t, err := time.Parse("15:04", b.text.Value)
		if err != nil {
			if b.text.Value != "" {
				pos = b.text.Pos
			}
			return nil, pos.Errorf("quiet.%s %q: want a time of day, like 22:30", b.name, b.text.Value)
		}
		*b.into = time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
	}
	if hours.from == hours.until {
		return nil, q.From.Pos.Errorf("quiet: from and until are both %s", q.From.Value)
	}
	if q.Zone.Value != "" {
		zone, err := time.LoadLocation(q.Zone.Value)
		if err != nil || q.Zone.Value == "Local" {
			return nil, q.Zone.Pos.Errorf("time zone %q: want one like Europe/Berlin", q.Zone.Value)
		}
		hours.zone = zone
	}
	return &hours, nil
}

// options change how senders reach services, in tests.
var options send.Options

// notifier returns the notifier of a channel.
func (p plan) notifier(name string, c send.Channel, h consumers.Host) (*notifier, error) {
	keys := h.Prefix + "notify:" + name + ":"
	log := h.Log.With("channel", name)
	n := &notifier{
		channel: name, link: p.Link.Value, maxAge: time.Duration(p.MaxAge), log: log,
		texts: p.texts, language: p.Language.Value,
		limiter: rateLimiter{limiter: ratelimit.Limiter{Redis: h.Redis}, prefix: keys + "turns:", rate: c.Rate},
	}
	for _, r := range p.rules {
		if r.appliesTo(name) {
			n.rules = append(n.rules, r.rule)
		}
	}
	var err error
	if n.sender, err = c.Sender(name, h, options); err != nil {
		return nil, err
	}
	if push, ok := n.sender.(*send.Push); ok {
		n.subscribers = &subscribers{redis: h.Redis, key: h.Prefix + "push:" + name, push: push, texts: p.texts, log: h.Log}
	}
	n.deliveries = deliveries{redis: h.Redis, prefix: keys, lease: consumers.LeaseTime, log: log}
	return n, nil
}
