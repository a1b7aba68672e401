package notify

import (
	"fmt"
	"net/url"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// A channelSettings is a channel as it is written: one of its kinds.
type channelSettings struct {
	Log      *struct{}         `yaml:"log"`
	Webhook  *webhookSettings  `yaml:"webhook"`
	Ntfy     *ntfySettings     `yaml:"ntfy"`
	WebPush  *pushSettings     `yaml:"webpush"`
	Telegram *telegramSettings `yaml:"telegram"`
	Shoutrrr *secret           `yaml:"shoutrrr"` // a URL as shoutrrr has them, discord://token@id
	Rate     rate              `yaml:"rate"`     // at most so many, like 30/m; without it as many as there are

	pos strictyaml.Pos
}

// UnmarshalYAML remembers where the channel stands.
func (c *channelSettings) UnmarshalYAML(n ast.Node) error {
	type plain channelSettings
	p := plain{pos: strictyaml.PosOf(n)}
	if err := mapping(n, &p, "a channel: log, webhook, ntfy, webpush, telegram or shoutrrr, each with its settings"); err != nil {
		return err
	}
	*c = channelSettings(p)
	return nil
}

// mapping decodes settings that may hold secrets: an error that they have another
// shape than they should does not show them.
func mapping(n ast.Node, into any, want string) error {
	switch n.Type() {
	case ast.MappingType, ast.MappingValueType:
		return strictyaml.DecodeNode(n, into)
	}
	return strictyaml.PosOf(n).Errorf("want %s", want)
}

// sender makes the sender of the one kind that the channel is of.
func (c channelSettings) sender(name string, h consumers.Host) (sender, error) {
	var found []func() (sender, error)
	if c.Log != nil {
		found = append(found, func() (sender, error) { return logSender{}, nil })
	}
	if c.Webhook != nil {
		found = append(found, func() (sender, error) { return c.Webhook.sender(c.pos, h) })
	}
	if c.Ntfy != nil {
		found = append(found, func() (sender, error) { return c.Ntfy.sender(c.pos, h) })
	}
	if c.WebPush != nil {
		found = append(found, func() (sender, error) { return c.WebPush.sender(name, c.pos, h) })
	}
	if c.Telegram != nil {
		found = append(found, func() (sender, error) { return c.Telegram.sender(c.pos, h) })
	}
	if c.Shoutrrr != nil {
		found = append(found, func() (sender, error) { return newShoutrrr(*c.Shoutrrr, h) })
	}
	if len(found) != 1 {
		return nil, c.pos.Errorf("channel %s: want one of log, webhook, ntfy, webpush, telegram and shoutrrr, found %d", name, len(found))
	}
	if h.Elsewhere && c.WebPush == nil {
		return logSender{}, nil // nothing is sent from here
	}
	return found[0]()
}

// httpURL reads a URL that may hold a secret, and is not shown.
func httpURL(s secret, h consumers.Host) (*url.URL, error) {
	value, err := s.value(h)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, s.pos.Errorf("url: want http://… or https://… (it is not shown here, as it may hold a secret)")
	}
	return u, nil
}

// withoutSecrets returns the scheme and host of a URL: the rest may be secret.
func withoutSecrets(u *url.URL) string { return fmt.Sprintf("%s://%s", u.Scheme, u.Host) }
