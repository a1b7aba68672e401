package send

import (
	"context"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Mattermost holds the settings of a Mattermost channel: the URL of an incoming webhook. Rocket.Chat's
// incoming webhooks accept the same requests.
type Mattermost struct {
	URL secret `yaml:"url"`
}

// UnmarshalYAML decodes the settings. Its errors contain no secret.
func (m *Mattermost) UnmarshalYAML(n ast.Node) error {
	type plain Mattermost
	return mapping(n, (*plain)(m), "{url: https://mattermost.example/hooks/KEY}")
}

// mattermostPath matches the path of a webhook of Mattermost or Rocket.Chat. A key of Rocket.Chat
// has two parts.
var mattermostPath = regexp.MustCompile(`/hooks/[^/]+(/[^/]+)?/?$`)

func (m Mattermost) sender(e env) (Sender, error) {
	u, err := e.httpURL(m.URL.at(e.pos, "mattermost.url"))
	if err != nil {
		return nil, err
	}
	if !mattermostPath.MatchString(u.Path) {
		return nil, m.URL.pos.Errorf("url: want the URL of an incoming webhook: https://mattermost.example/hooks/KEY")
	}
	s := &mattermost{url: u.String(), endpoint: e.endpoint("mattermost", u)}
	s.errorText = func(r reply) string {
		var body struct{ Message string }
		r.decode(&body)
		return body.Message
	}
	return s, nil
}

// mattermost posts messages to an incoming webhook.
type mattermost struct {
	endpoint
	url string
}

func (s *mattermost) Send(ctx context.Context, _ Recipient, n Notification) error {
	escape := func(text string) string {
		// Mattermost finds @all, #tags, ~channels and :emoji: in the text after Markdown parsing, so
		// backslashes alone are not enough.
		return strings.ReplaceAll(markdown(withoutEmoji(inert(text))), "~", "~"+joiner)
	}
	text := "**" + escape(n.Title) + "**"
	if n.Body != "" {
		text += "\n" + escape(n.Body)
	}
	return s.postJSON(ctx, s.url, map[string]any{"text": text}, nil)
}
