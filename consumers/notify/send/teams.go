package send

import (
	"context"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Teams holds the settings of a Microsoft Teams channel: the URL of a workflow that posts the cards that
// it receives. The template of the workflow in Teams is "Send webhook alerts to a channel".
type Teams struct {
	URL secret `yaml:"url"`
}

// UnmarshalYAML decodes the settings. Its errors contain no secret.
func (t *Teams) UnmarshalYAML(n ast.Node) error {
	type plain Teams
	return mapping(n, (*plain)(t), "{url: …}, the URL of a workflow")
}

func (t Teams) sender(e env) (Sender, error) {
	u, err := e.httpURL(t.URL.at(e.pos, "teams.url"))
	if err != nil {
		return nil, err
	}
	if host := u.Hostname(); strings.HasSuffix(host, "webhook.office.com") || host == "outlook.office.com" {
		return nil, t.URL.pos.Errorf("url: %s is for connectors, which Microsoft retired; want the URL of a workflow", host)
	}
	if strings.Trim(u.Path, "/") == "" {
		return nil, t.URL.pos.Errorf("url: want the URL of a workflow, which has a path")
	}
	s := &teams{url: u.String(), endpoint: e.endpoint("teams", u)}
	s.errorText = func(r reply) string {
		var body struct {
			Error struct{ Code, Message string }
		}
		r.decode(&body)
		return strings.TrimSpace(body.Error.Code + " " + body.Error.Message)
	}
	return s, nil
}

// teams sends adaptive cards to a workflow, which posts them. The workflow accepts a card before it
// posts the card, so a nil error means only that the workflow has started.
type teams struct {
	endpoint
	url string
}

func (s *teams) Send(ctx context.Context, _ Recipient, n Notification) error {
	body := []map[string]any{cardText(n.Title, "Bolder", "Medium")}
	if n.Body != "" {
		body = append(body, cardText(n.Body, "Default", "Default"))
	}
	return s.postJSON(ctx, s.url, map[string]any{
		"type": "message",
		"attachments": []map[string]any{{
			"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil,
			"content": map[string]any{
				"$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
				"type":    "AdaptiveCard", "version": "1.2", "body": body,
				"msteams": map[string]any{"width": "Full"},
			},
		}},
	}, nil)
}

// cardText returns a paragraph of a card. It is a RichTextBlock, which shows text unchanged; a TextBlock
// parses text as Markdown. Both expand {{DATE(…)}}, so cardText splits "{{".
func cardText(text, weight, size string) map[string]any {
	text = inert(text)
	for range 2 { // in {{{, matches overlap
		text = strings.ReplaceAll(text, "{{", "{"+joiner+"{")
	}
	return map[string]any{"type": "RichTextBlock", "inlines": []map[string]any{
		{"type": "TextRun", "text": text, "weight": weight, "size": size},
	}}
}
