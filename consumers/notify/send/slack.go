package send

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Slack is the settings of a Slack channel: the URL of an incoming webhook.
type Slack struct {
	URL secret `yaml:"url"`
}

// UnmarshalYAML reads the settings. No error shows a secret.
func (s *Slack) UnmarshalYAML(n ast.Node) error {
	type plain Slack
	return mapping(n, (*plain)(s), "{url: https://hooks.slack.com/services/…}")
}

func (s Slack) sender(e env) (Sender, error) {
	u, err := e.httpURL(s.URL.at(e.pos, "slack.url"))
	if err != nil {
		return nil, err
	}
	sender := &slack{url: u.String(), endpoint: e.endpoint("slack", u)}
	sender.words = slackWord
	sender.failed = func(r reply) error {
		text := strings.TrimSpace(string(r.body))
		if text == "ok" {
			return nil
		}
		err := fmt.Errorf("%s: answered %d, but not ok", sender.name, r.status)
		if word := slackWord(r); word != "" {
			return permanent(fmt.Errorf("%w (%s)", err, sender.description(r)))
		}
		return err // not Slack's words: a proxy, perhaps
	}
	return sender, nil
}

// slack posts messages with an incoming webhook.
type slack struct {
	endpoint
	url string
}

// slackEscapes are the characters that Slack's markup consists of. Mentions and links are always
// between < and >.
var slackEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func (s *slack) Send(ctx context.Context, _ Recipient, n Notification) error {
	return s.postJSON(ctx, s.url, map[string]any{
		"text":   slackEscapes.Replace(withoutEmoji(inert(n.lines()))),
		"mrkdwn": false, "parse": "none", "link_names": false,
		"unfurl_links": false, "unfurl_media": false,
	}, nil)
}

var slackError = regexp.MustCompile(`^[a-z_]{3,60}$`)

// slackWord returns the error code that is the whole body of Slack's replies, like
// channel_is_archived.
func slackWord(r reply) string {
	return slackError.FindString(strings.TrimSpace(string(r.body)))
}
