package send

import (
	"context"
	"regexp"
	"strconv"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Discord is the settings of a Discord channel: the URL of one of its webhooks.
type Discord struct {
	URL secret `yaml:"url"`
}

// UnmarshalYAML reads the settings. No error shows a secret.
func (d *Discord) UnmarshalYAML(n ast.Node) error {
	type plain Discord
	return mapping(n, (*plain)(d), "{url: https://discord.com/api/webhooks/ID/TOKEN}")
}

var discordPath = regexp.MustCompile(`/webhooks/\d+/[^/]+$`)

func (d Discord) sender(e env) (Sender, error) {
	u, err := e.httpURL(d.URL.at(e.pos, "discord.url"))
	if err != nil {
		return nil, err
	}
	if !discordPath.MatchString(u.Path) {
		return nil, d.URL.pos.Errorf("url: want the URL of a webhook: https://discord.com/api/webhooks/ID/TOKEN")
	}
	query := u.Query() // a thread_id stays
	query.Set("wait", "true")
	u.RawQuery = query.Encode()
	s := &discord{url: u.String(), endpoint: e.endpoint("discord", u)}
	s.wait, s.words = discordWait, discordWords
	return s, nil
}

// discord posts messages with a webhook. It asks Discord to reply only when the message is stored.
type discord struct {
	endpoint
	url string
}

const (
	discordLimit  = 2000   // characters of a message
	discordSilent = 1 << 2 // flag SUPPRESS_EMBEDS: no previews of links
)

func (s *discord) Send(ctx context.Context, _ Recipient, n Notification) error {
	escape := func(text string) string { return markdown(inert(text)) }
	text := "**" + fit(n.Title, discordLimit/4, units, escape) + "**"
	if n.Body != "" {
		text += "\n" + fit(n.Body, discordLimit-units(text)-1, units, escape)
	}
	return s.postJSON(ctx, s.url, map[string]any{
		"content": text, "flags": discordSilent,
		"allowed_mentions": map[string][]string{"parse": {}}, // pings no one
	}, nil)
}

// discordWait returns retry_after of the body, in seconds, or else the header that says when the
// webhook's rate limit is over.
func discordWait(r reply) time.Duration {
	var body struct {
		RetryAfter float64 `json:"retry_after"`
	}
	r.decode(&body)
	if body.RetryAfter == 0 {
		body.RetryAfter, _ = strconv.ParseFloat(r.header.Get("X-RateLimit-Reset-After"), 64)
	}
	return seconds(body.RetryAfter)
}

func discordWords(r reply) string {
	var body struct{ Message string }
	r.decode(&body)
	return body.Message
}
