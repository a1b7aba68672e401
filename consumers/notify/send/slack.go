package send

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Slack holds the settings of a Slack channel: the URL of an incoming webhook.
type Slack struct {
	URL secret `yaml:"url"`
}

// UnmarshalYAML decodes the settings. Its errors contain no secret.
func (s *Slack) UnmarshalYAML(n ast.Node) error {
	type plain Slack
	return mapping(n, (*plain)(s), "{url: https://hooks.slack.com/services/…}")
}

var (
	slackHost = regexp.MustCompile(`^hooks\.slack(-gov)?\.com$`)
	slackPath = regexp.MustCompile(`^/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]+$`)
)

func (s Slack) sender(e env) (Sender, error) {
	u, err := e.httpURL(s.URL.at(e.pos, "slack.url"))
	if err != nil {
		return nil, err
	}
	if slackHost.MatchString(u.Hostname()) && !slackPath.MatchString(u.Path) || strings.Trim(u.Path, "/") == "" {
		return nil, s.URL.pos.Errorf("url: want the URL of an incoming webhook: https://hooks.slack.com/services/T…/B…/…")
	}
	sender := &slack{url: u.String(), endpoint: e.endpoint("slack", u)}
	sender.errorText = slackErrorCode
	sender.failed = func(r reply) error {
		text := strings.TrimSpace(string(r.body))
		if text == "ok" {
			return nil
		}
		err := fmt.Errorf("%s: answered %d, but the body is not ok", sender.name, r.status)
		if slackErrorCode(r) != "" {
			return permanent(fmt.Errorf("%w (%s)", err, sender.description(r)))
		}
		return err // perhaps the reply is from a proxy, not from Slack
	}
	return sender, nil
}

// slack posts messages to an incoming webhook.
type slack struct {
	endpoint
	url string
}

// slackEscapes escapes the control characters of Slack's markup. Mentions and links are always between
// < and >.
var slackEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func (s *slack) Send(ctx context.Context, _ Recipient, n Notification) error {
	return s.postJSON(ctx, s.url, map[string]any{
		"text":   slackEscapes.Replace(withoutEmoji(inert(n.lines()))),
		"mrkdwn": false, "parse": "none", "link_names": false,
		"unfurl_links": false, "unfurl_media": false,
	}, nil)
}

var slackError = regexp.MustCompile(`^[a-z_]{3,60}$`)

// slackErrorCode returns the error code of a reply, such as channel_is_archived. It returns "" if
// the body is not a code.
func slackErrorCode(r reply) string {
	return slackError.FindString(strings.TrimSpace(string(r.body)))
}
