package notify

import (
	"errors"
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

// Settings holds the settings of the notify consumer.
type Settings struct {
	// MaxAge is the maximum age of an event for which notify sends a notification. The default is 1h.
	// This setting matters after an outage of the consumer.
	MaxAge strictyaml.Duration `yaml:"max_age"`
	// Language is the language of rules that set none. The default is en.
	Language text `yaml:"language"`
	// Templates is a folder of language files, such as en.yaml, that replace texts or add languages.
	// The path is relative to the config file.
	Templates text `yaml:"templates"`
	// Link is the URL of a match page, with {match} for the match ID.
	Link text `yaml:"link"`
	// Channels holds the channels by name. The default is one channel, which only logs.
	Channels map[string]send.Channel `yaml:"channels"`
	// Rules choose events for channels. By default, every channel gets goals, red cards, starts and
	// ends of matches, new kick-off times, and other status changes.
	Rules []ruleSettings `yaml:"rules"`
}

type text = strictyaml.Text

// A ruleSettings holds a rule as the config contains it.
type ruleSettings struct {
	To      []text              `yaml:"to"` // names of channels; all channels by default
	Topics  []text              `yaml:"topics"`
	Teams   []string            `yaml:"teams"`
	Players []string            `yaml:"players"`
	Kinds   []text              `yaml:"kinds"`
	Only    []text              `yaml:"only"` // lead_changes, period_ends, last 5m
	Quiet   *quietSettings      `yaml:"quiet"`
	Delay   strictyaml.Duration `yaml:"delay"` // the spoiler delay
	// Before, if not zero, is the time before kick-off at which the rule sends a reminder.
	Before   strictyaml.Duration `yaml:"before"`
	Language text                `yaml:"language"`

	pos strictyaml.Pos
}

// UnmarshalYAML decodes the rule and records its position.
func (r *ruleSettings) UnmarshalYAML(n ast.Node) error {
	type plain ruleSettings
	p := plain{pos: strictyaml.PosOf(n)}
	err := strictyaml.DecodeNode(n, &p)
	*r = ruleSettings(p)
	return err
}

// A quietSettings holds quiet hours as the config contains them.
type quietSettings struct {
	From  text `yaml:"from"`  // "22:30"
	Until text `yaml:"until"` // "07:00"
	Zone  text `yaml:"zone"`  // "Europe/Berlin"; UTC by default
}

// defaultKinds are the kinds of a rule that sets none of topics, kinds, only and before.
var defaultKinds = []string{string(event.Goal), string(event.RedCard), string(event.MatchStart),
	string(event.MatchEnd), string(event.StatusChange), string(event.KickoffChanged)}

// maxDelay is the longest spoiler delay.
const maxDelay = 10 * time.Minute

var channelName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)

// A plan holds checked settings.
type plan struct {
	Settings
	texts texts
	rules []plannedRule
}

// A plannedRule is a rule with the names of its channels. If to is nil, the rule applies to all channels.
type plannedRule struct {
	rule
	to []string
}

// read decodes the settings. It checks everything except the settings of each kind of channel. The error joins all
// mistakes. The plan then lacks the values that could not be decoded.
func read(h consumers.Host) (p plan, err error) {
	p.Settings = Settings{MaxAge: strictyaml.Duration(time.Hour), Language: text{Value: "en"}}
	undecoded := h.Settings(&p.Settings)
	if !strictyaml.Decoded(undecoded) {
		return p, undecoded
	}
	faults := []error{undecoded}
	if p.Channels != nil && len(p.Channels) == 0 {
		faults = append(faults, errors.New("channels: want at least one; omit the setting to log only"))
	}
	if link := p.Link.Value; link != "" {
		u, err := url.Parse(link)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			faults = append(faults, p.Link.Pos.Errorf("link %q: want the address of a match page, "+
				"like https://club.example/match/{match}", link))
		}
	}
	if p.Rules != nil && len(p.Rules) == 0 {
		faults = append(faults, errors.New("rules: want at least one; omit the setting to use the default rule"))
	}
	if p.Channels == nil {
		p.Channels = map[string]send.Channel{"log": {Log: &send.Log{}}}
	}
	for name, c := range p.Channels {
		if !channelName.MatchString(name) {
			faults = append(faults, c.Pos.Errorf(
				"channel %q: want 1 to 40 characters from a-z, 0-9, _ and -, beginning with a-z or 0-9", name))
		}
	}
	folder := ""
	if p.Templates.Value != "" {
		folder = h.Input(p.Templates.Value)
	}
	if p.texts, err = loadTexts(folder, h.Elsewhere); err != nil {
		var located *strictyaml.Error
		if !errors.As(err, &located) {
			err = p.Templates.Pos.Errorf("%w", err)
		}
		return p, errors.Join(append(faults, err)...)
	}
	byDefault := p.Rules == nil
	if byDefault {
		p.Rules = []ruleSettings{{}}
	}
	for i, r := range p.Rules {
		planned, err := p.checkRule(r, h)
		faults = append(faults, err)
		if planned.position = i; byDefault {
			planned.position = -1
		}
		p.rules = append(p.rules, planned)
	}
	for name, c := range p.Channels {
		if !slices.ContainsFunc(p.rules, func(r plannedRule) bool { return r.appliesTo(name) }) {
			faults = append(faults, c.Pos.Missingf("channel %s: no rule applies to it, so it would send nothing", name))
		}
	}
	return p, errors.Join(append(faults, p.checkLanguage(p.Language, h))...)
}

// appliesTo reports whether the rule is for a channel.
func (r plannedRule) appliesTo(channel string) bool {
	return r.to == nil || slices.Contains(r.to, channel)
}

// checkLanguage returns an error if there are no texts in a language. If the consumer runs only in
// other processes, checkLanguage accepts every language.
func (p plan) checkLanguage(l text, h consumers.Host) error {
	if l.Value == "" || p.texts.has(l.Value) || h.Elsewhere {
		return nil
	}
	return l.Pos.Errorf("no texts in language %q: want one of %s", l.Value, strings.Join(p.texts.languages(), ", "))
}

// channelNames returns the names of the channels, separated by commas, for errors.
func (p plan) channelNames() string {
	return strings.Join(slices.Sorted(maps.Keys(p.Channels)), ", ")
}

// values returns the values of texts, without their positions.
func values(all []text) []string {
	var v []string
	for _, t := range all {
		v = append(v, t.Value)
	}
	return v
}

// checkRule checks a rule and returns it with its defaults set.
func (p plan) checkRule(r ruleSettings, h consumers.Host) (plannedRule, error) {
	planned := plannedRule{to: values(r.To), rule: rule{delay: time.Duration(r.Delay), before: time.Duration(r.Before),
		language: r.Language.Value,
		filter: filter{Topics: values(r.Topics), Teams: r.Teams, Players: r.Players, Kinds: values(r.Kinds),
			Only: values(r.Only)}}}
	var faults []error
	for _, to := range r.To {
		if _, ok := p.Channels[to.Value]; !ok {
			faults = append(faults, to.Pos.Missingf("no channel %q: want one of %s", to.Value, p.channelNames()))
		}
	}
	if r.To != nil && len(r.To) == 0 {
		faults = append(faults, r.pos.Errorf("to: want at least one channel"))
	}
	for _, t := range r.Topics {
		if err := event.CheckTopic(t.Value); err != nil {
			faults = append(faults, t.Pos.Errorf("%w", err))
		}
	}
	for _, k := range r.Kinds {
		if err := event.CheckKind("", event.Kind(k.Value)); err != nil {
			faults = append(faults, k.Pos.Errorf("%w", err))
		}
	}
	faults = append(faults, r.checkBefore(), r.checkOnly(), p.checkLanguage(r.Language, h))
	if r.Quiet != nil {
		quiet, err := r.Quiet.hours(r.pos)
		planned.quiet, faults = quiet, append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return planned, err // the checks below are of the rule as a whole
	}
	if len(r.Topics) == 0 && len(r.Kinds) == 0 && r.Before == 0 {
		planned.Kinds, planned.usual = defaultKinds, true
		if len(r.Only) > 0 {
			planned.Kinds = kindsWithOnly(planned.Only)
		}
	}
	if planned.delay > maxDelay || planned.delay >= time.Duration(p.MaxAge) {
		return planned, r.pos.Errorf("delay %v: want at most %v, and less than max_age (%v)",
			planned.delay, maxDelay, time.Duration(p.MaxAge))
	}
	if slices.Contains(slices.Concat(r.Teams, r.Players), "") {
		return planned, r.pos.Errorf("teams and players: want non-empty names")
	}
	if len(r.Topics) > 0 && len(r.Kinds) > 0 && !planned.possible() {
		return planned, r.pos.Errorf("no event matches both the topics and the kinds")
	}
	if planned.language == "" {
		planned.language = p.Language.Value
	}
	return planned, nil
}

// checkOnly returns an error if the setting "only" is invalid, or does not fit the kinds of the rule.
func (r ruleSettings) checkOnly() error {
	if r.Only != nil && len(r.Only) == 0 {
		return r.pos.Errorf("only: want at least one of %s, %s and %q", leadChanges, periodEnds, lastPrefix+"5m")
	}
	for _, o := range r.Only {
		if err := checkOnly(o.Value); err != nil {
			return o.Pos.Errorf("%w", err)
		}
	}
	kinds := values(r.Kinds)
	switch ends := slices.Contains(kinds, string(event.PeriodEnd)); {
	case len(r.Only) == 0 || len(kinds) == 0:
		return nil
	case !slices.ContainsFunc(kinds, onlyCanExclude):
		return r.Only[0].Pos.Errorf("only: none of the kinds changes the score or ends a period: " +
			"add one that does, or remove only")
	case ends != slices.Contains(values(r.Only), periodEnds):
		return r.Only[0].Pos.Errorf("only: want %s here and period_end in kinds, or neither", periodEnds)
	}
	return nil
}

// Bounds of the setting "before".
const (
	minBefore = time.Minute
	maxBefore = 24 * time.Hour
)

// checkBefore returns an error if the setting "before" is out of bounds, or if the rule combines it
// with a setting that chooses events instead of matches.
func (r ruleSettings) checkBefore() error {
	before := time.Duration(r.Before)
	if before == 0 {
		return nil
	}
	if before < minBefore || before > maxBefore {
		return r.pos.Errorf("before %v: want %v to %v", before, minBefore, maxBefore)
	}
	for name, set := range map[string]bool{
		"kinds": len(r.Kinds) > 0, "only": len(r.Only) > 0, "players": len(r.Players) > 0, "delay": r.Delay > 0,
	} {
		if set {
			return r.pos.Errorf("before: a reminder has no %s: remove it, or use a separate rule", name)
		}
	}
	for _, t := range r.Topics {
		if !strings.HasSuffix(t.Value, "*") && !strings.HasSuffix(t.Value, "#") {
			return t.Pos.Errorf("topic pattern %q: a rule with before chooses matches: want a pattern like soccer.mls.*",
				t.Value)
		}
	}
	return nil
}

// hours checks and converts the settings. pos is the position of the rule.
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
		return nil, q.From.Pos.Errorf("quiet: from and until are both %s: want two different times", q.From.Value)
	}
	if q.Zone.Value != "" {
		zone, err := event.LoadZone(q.Zone.Value)
		if err != nil {
			return nil, q.Zone.Pos.Errorf("%w", err)
		}
		hours.zone = zone
	}
	return &hours, nil
}

// options change how the senders of New call services. Only tests set them.
var options send.Options

// notifier checks the settings of a channel and returns its notifier.
func (p plan) notifier(name string, c send.Channel, h consumers.Host, o send.Options) (*notifier, error) {
	keys := h.Prefix + "notify:" + name + ":"
	log := h.Log.With("channel", name)
	n := &notifier{
		channel: name, link: p.Link.Value, maxAge: time.Duration(p.MaxAge), log: log,
		texts: p.texts, language: p.Language.Value, upcoming: h.Upcoming, correctionSound: c.CorrectionSound,
		limiter: rateLimiter{limiter: ratelimit.Limiter{Redis: h.Redis}, prefix: keys + "turns:", rate: c.Rate},
	}
	for _, r := range p.rules {
		if r.appliesTo(name) && n.firstLanguage == "" {
			n.firstLanguage = r.language
		}
		switch {
		case !r.appliesTo(name):
		case r.before > 0:
			n.reminders = append(n.reminders, r.rule)
		default:
			n.rules = append(n.rules, r.rule)
		}
	}
	var err error
	if n.sender, err = c.Sender(name, h, o); err != nil {
		return nil, err
	}
	if push, ok := n.sender.(*send.Push); ok {
		n.subscribers = &subscribers{
			redis: h.Redis, key: h.Prefix + "push:{" + name + "}", push: push, texts: p.texts, log: h.Log,
		}
	}
	n.samples = sampleRequests{redis: h.Redis, key: h.Prefix + "notify-test:" + name}
	n.deliveries = deliveries{redis: h.Redis, prefix: keys, lease: consumers.LeaseTime, log: log}
	return n, nil
}
