package send

import (
	"context"
	"regexp"
	"strconv"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Discord holds the settings of a Discord channel: the URL of one of its webhooks.
type Discord struct {
	URL secret `yaml:"url"`
}

// UnmarshalYAML decodes the settings. Its errors contain no secret.
func (d *Discord) UnmarshalYAML(n ast.Node) error {
	type plain Discord
	return mapping(n, (*plain)(d), "{url: https://discord.com/api/webhooks/ID/TOKEN}")
}

var (
	discordPath = regexp.MustCompile(`/webhooks/\d+/[^/]+$`)
	// discordOwnPath matches the path at Discord's own hosts. A proxy may use a different path.
	discordOwnPath = regexp.MustCompile(`^/api(/v\d+)?/webhooks/\d{17,20}/[A-Za-z0-9_-]{68,}$`)
	discordHost    = regexp.MustCompile(`^((canary|ptb)\.)?discord(app)?\.com$`)
)

func (d Discord) sender(e env) (Sender, error) {
	u, err := e.httpURL(d.URL.at(e.pos, "discord.url"))
	if err != nil {
		return nil, err
	}
	if !discordPath.MatchString(u.Path) || discordHost.MatchString(u.Hostname()) && !discordOwnPath.MatchString(u.Path) {
		return nil, d.URL.pos.Errorf("url: want the URL of a webhook: https://discord.com/api/webhooks/ID/TOKEN, " +
			"with a token of at least 68 characters")
	}
	query := u.Query() // may contain a thread_id
	query.Set("wait", "true")
	u.RawQuery = query.Encode()
	s := &discord{url: u.String(), endpoint: e.endpoint("discord", u)}
	s.wait, s.errorText = discordWait, discordError
	return s, nil
}

// discord posts messages to a webhook. Discord replies after it has stored the message.
type discord struct {
	endpoint
	url string
}

const (
	discordLimit      = 2000    // maximum length of a message in UTF-16 code units
	discordNoPreviews = 1 << 2  // flag SUPPRESS_EMBEDS
	discordSilent     = 1 << 12 // flag SUPPRESS_NOTIFICATIONS
)

func (s *discord) Send(ctx context.Context, _ Recipient, n Notification) error {
	escape := func(text string) string { return markdown(inert(text)) }
	text := "**" + fit(n.Title, discordLimit/4, utf16Len, escape) + "**"
	if n.Body != "" {
		text += "\n" + fit(n.Body, discordLimit-utf16Len(text)-1, utf16Len, escape)
	}
	flags := discordNoPreviews
	if n.Silent {
		flags |= discordSilent
	}
	return s.postJSON(ctx, s.url, map[string]any{
		"content": text, "flags": flags,
		"allowed_mentions": map[string][]string{"parse": {}}, // disables mentions
	}, nil)
}

// discordWait returns the wait from retry_after in the body, or else from X-RateLimit-Reset-After. Both
// are in seconds.
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

func discordError(r reply) string {
	var body struct{ Message string }
	r.decode(&body)
	return body.Message
}
