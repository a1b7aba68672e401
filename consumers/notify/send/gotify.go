package send

import (
	"context"
	"net/http"
	"regexp"

	"github.com/goccy/go-yaml/ast"
)

// Gotify holds the settings of a Gotify channel.
type Gotify struct {
	Server secret `yaml:"server"` // https://gotify.example
	Token  secret `yaml:"token"`  // an application's token
}

// UnmarshalYAML decodes the settings. Its errors contain no secret.
func (g *Gotify) UnmarshalYAML(n ast.Node) error {
	type plain Gotify
	return mapping(n, (*plain)(g), "{server: https://gotify.example, token: …}")
}

// gotifyClient matches the token of a client, which cannot send messages.
var gotifyClient = regexp.MustCompile(`^C[A-Za-z0-9._-]{14}$`)

func (g Gotify) sender(e env) (Sender, error) {
	server, u, err := e.server(g.Server.at(e.pos, "gotify.server"), "")
	if err != nil {
		return nil, err
	}
	token, err := e.token(g.Token, "gotify.token")
	if err != nil {
		return nil, err
	}
	if gotifyClient.MatchString(token) {
		return nil, g.Token.pos.Errorf("gotify.token: want the token of an application, not of a client")
	}
	s := &gotify{url: server + "/message", header: http.Header{"X-Gotify-Key": {token}},
		endpoint: e.endpoint("gotify", u, token)}
	s.errorText = func(r reply) string {
		var body struct {
			Description string `json:"errorDescription"`
		}
		r.decode(&body)
		return body.Description
	}
	return s, nil
}

// gotify sends messages to a Gotify server as one of its applications.
type gotify struct {
	endpoint
	url    string
	header http.Header
}

const (
	gotifySilent = 2 // priority of a notification without a sound
	gotifyNormal = 5 // priority of a notification with a sound
	gotifyUrgent = 8 // priority of a notification with a sound and vibration
)

func (s *gotify) Send(ctx context.Context, _ Recipient, n Notification) error {
	extras := map[string]any{"client::display": map[string]string{"contentType": "text/plain"}}
	if n.URL != "" {
		extras["client::notification"] = map[string]any{"click": map[string]string{"url": n.URL}}
	}
	priority := gotifyNormal
	switch {
	case n.Silent:
		priority = gotifySilent
	case n.urgent():
		priority = gotifyUrgent
	}
	return s.postJSON(ctx, s.url, map[string]any{
		"title": n.Title, "message": inert(n.message()), "priority": priority, "extras": extras,
	}, s.header)
}
