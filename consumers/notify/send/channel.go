package send

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/internal/netguard"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// A Channel holds the settings of a channel: the settings of exactly one kind, and those that every
// kind has.
type Channel struct {
	Log        *Log        `yaml:"log"`
	Webhook    *Webhook    `yaml:"webhook"`
	WebPush    *WebPush    `yaml:"webpush"`
	Ntfy       *Ntfy       `yaml:"ntfy"`
	Gotify     *Gotify     `yaml:"gotify"`
	Pushover   *Pushover   `yaml:"pushover"`
	Discord    *Discord    `yaml:"discord"`
	Slack      *Slack      `yaml:"slack"`
	Mattermost *Mattermost `yaml:"mattermost"`
	Matrix     *Matrix     `yaml:"matrix"`
	Teams      *Teams      `yaml:"teams"`
	Telegram   *Telegram   `yaml:"telegram"`
	SMTP       *SMTP       `yaml:"smtp"`
	Shoutrrr   *shoutrrr   `yaml:"shoutrrr"`
	// Rate limits the notifications that all processes together send; zero means no limit.
	Rate Rate `yaml:"rate"`
	// CorrectionSound determines which corrections and retractions make a sound.
	CorrectionSound CorrectionSound `yaml:"correction_sound"`

	Pos strictyaml.Pos `yaml:"-"` // position of the channel in the config
}

// kinds lists the kinds of channels for errors.
const kinds = "log, webhook, webpush, ntfy, gotify, pushover, discord, slack, mattermost, matrix, teams, " +
	"telegram or smtp"

// settings returns the settings of each kind that the config sets for the channel.
func (c Channel) settings() (found []settings) {
	for _, s := range []settings{
		present(c.Log), present(c.Webhook), present(c.WebPush), present(c.Ntfy), present(c.Gotify),
		present(c.Pushover), present(c.Discord), present(c.Slack), present(c.Mattermost),
		present(c.Matrix), present(c.Teams), present(c.Telegram), present(c.SMTP), present(c.Shoutrrr),
	} {
		if s != nil {
			found = append(found, s)
		}
	}
	return found
}

// present returns *s, or nil if s is nil.
func present[S settings](s *S) settings {
	if s == nil {
		return nil
	}
	return *s
}

// settings holds the settings of one kind of channel.
type settings interface {
	// sender checks the settings and creates the sender.
	sender(e env) (Sender, error)
}

// An env holds what settings need to create a sender.
type env struct {
	consumers.Host
	Options
	name string         // name of the channel
	pos  strictyaml.Pos // position of the channel in the config
}

// Options change how senders call services. Outside of tests, use the zero value.
type Options struct {
	Timeout time.Duration // for one call; 10 s if 0
	TLS     *tls.Config   // for SMTP servers; the default configuration if nil
	// Transport sends HTTP requests, to any address. If nil, transports of package netguard send them,
	// and refuse some addresses.
	Transport http.RoundTripper
	Network   netguard.Network // resolves names and connects, for the transports of netguard
}

func (o Options) timeout() time.Duration {
	if o.Timeout == 0 {
		return 10 * time.Second
	}
	return o.Timeout
}

// configured is the policy for URLs from the config. It allows private addresses, but not the addresses of cloud
// metadata services, which never accept notifications.
var configured = netguard.Policy{Private: true, AnyPort: true}

// client returns an HTTP client that applies p, unless o.Transport is set. The client does not follow redirects,
// because a redirect would send the notification, and the secrets of its request, to another server.
func (o Options) client(p netguard.Policy) *http.Client {
	transport := o.Transport
	if transport == nil {
		transport = netguard.NewTransport(p, http.DefaultTransport.(*http.Transport), o.Network)
	}
	return &http.Client{Timeout: o.timeout(), Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// UnmarshalYAML decodes the settings and records their position.
func (c *Channel) UnmarshalYAML(n ast.Node) error {
	type plain Channel
	p := plain{Pos: strictyaml.PosOf(n)}
	if err := mapping(n, &p, "a channel: "+kinds+", with its settings"); err != nil {
		return err
	}
	*c = Channel(p)
	return nil
}

// mapping decodes settings that may contain secrets. If n is not a mapping, the error shows want
// instead of n.
func mapping(n ast.Node, into any, want string) error {
	switch n.Type() {
	case ast.MappingType, ast.MappingValueType:
		return strictyaml.DecodeNode(n, into)
	}
	return strictyaml.PosOf(n).Errorf("want %s", want)
}

// Sender checks that the channel has exactly one kind, and creates its sender. If h.Elsewhere is true,
// it does not check the settings of the kind, and the sender sends nothing. Web Push is an exception,
// because every process serves its subscriptions. Shoutrrr is an exception, because it is always an
// error.
func (c Channel) Sender(name string, h consumers.Host, o Options) (Sender, error) {
	found := c.settings()
	if len(found) != 1 {
		return nil, c.Pos.Errorf("channel %s: want exactly one of %s, found %d", name, kinds, len(found))
	}
	if h.Elsewhere && c.WebPush == nil && c.Shoutrrr == nil {
		return logSender{}, nil
	}
	return found[0].sender(env{Host: h, Options: o, name: name, pos: c.Pos})
}

// httpURL parses an http or https URL. Errors do not show the URL, because it may contain a secret.
func (e env) httpURL(s secret) (*url.URL, error) {
	value, err := s.value(e.Host)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, s.pos.Errorf("url: want http://… or https://… (the value is not shown, because it may contain a secret)")
	}
	return u, nil
}

// server parses the URL of a server and removes a slash at its end. If s has no position, because the
// config does not set it and [secret.at] was not called, server returns fallback.
func (e env) server(s secret, fallback string) (string, *url.URL, error) {
	if s.pos.Line == 0 {
		u, err := url.Parse(fallback)
		return fallback, u, err
	}
	u, err := e.httpURL(s)
	if err != nil {
		return "", nil, err
	}
	return strings.TrimSuffix(u.String(), "/"), u, nil
}

// token returns a secret that becomes part of a header, a form or a path. It returns an error if the
// secret is missing, or contains spaces, tabs, line breaks, or one of the characters / ? # and %.
func (e env) token(s secret, name string) (string, error) {
	value, err := s.at(e.pos, name).value(e.Host)
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(value, "/?#% \t\r\n\x00") {
		return "", s.pos.Errorf("%s: want a token without spaces, tabs, line breaks, / ? # or %%", name)
	}
	return value, nil
}

// A tokenFormat is the format of the tokens at the host of a service. Other hosts, such as your own
// server or a proxy, may accept other tokens.
type tokenFormat struct {
	host    string
	pattern *regexp.Regexp
	want    string // for errors
}

// tokenOf is like token. If u has the host of the format, tokenOf also checks the format of the secret.
func (e env) tokenOf(s secret, name string, u *url.URL, f tokenFormat) (string, error) {
	value, err := e.token(s, name)
	if err == nil && u.Hostname() == f.host && !f.pattern.MatchString(value) {
		return "", s.pos.Errorf("%s: %s (the value is not shown, because it is secret)", name, f.want)
	}
	return value, err
}

// at returns the position of a setting. If the config lacks the setting, it returns the position of the
// channel.
func (e env) at(t strictyaml.Text) strictyaml.Pos {
	if t.Pos.Line > 0 {
		return t.Pos
	}
	return e.pos
}

// A Rate allows N notifications in each period Per. All N may be sent without a pause.
type Rate struct {
	N   int
	Per time.Duration
}

// UnmarshalYAML parses a rate like 5/s, 30/m or 1000/h.
func (r *Rate) UnmarshalYAML(n ast.Node) error {
	var s string
	if err := strictyaml.DecodeNode(n, &s); err != nil {
		return err
	}
	count, unit, _ := strings.Cut(s, "/")
	number, err := strconv.Atoi(count)
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	if err != nil || number < 1 || per == 0 {
		return strictyaml.PosOf(n).Errorf("%q: want a rate like 5/s, 30/m or 1000/h", s)
	}
	*r = Rate{number, per}
	return nil
}

// A CorrectionSound determines which corrections and retractions make a sound.
type CorrectionSound string

// The values of correction_sound. The default is SoundScorer.
const (
	SoundScorer CorrectionSound = "scorer" // corrections that change who scored
	SoundAll    CorrectionSound = "all"    // all corrections and retractions
	SoundNone   CorrectionSound = "none"
)

// UnmarshalYAML decodes one of the values.
func (c *CorrectionSound) UnmarshalYAML(n ast.Node) error {
	var s string
	if err := strictyaml.DecodeNode(n, &s); err != nil {
		return err
	}
	*c = CorrectionSound(s)
	if *c != SoundScorer && *c != SoundAll && *c != SoundNone {
		return strictyaml.PosOf(n).Errorf("%q: want %s, %s or %s", s, SoundScorer, SoundAll, SoundNone)
	}
	return nil
}
