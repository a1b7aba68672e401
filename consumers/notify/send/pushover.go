package send

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// Pushover is the settings of a Pushover channel.
type Pushover struct {
	Token  secret          `yaml:"token"`  // API token of an application
	User   secret          `yaml:"user"`   // key of a user or a group
	Device strictyaml.Text `yaml:"device"` // names, separated by commas; all of the user's without it
	Server secret          `yaml:"server"` // https://api.pushover.net without it
}

// UnmarshalYAML reads the settings. No error shows a secret.
func (p *Pushover) UnmarshalYAML(n ast.Node) error {
	type plain Pushover
	return mapping(n, (*plain)(p), "{token: …, user: …}")
}

func (p Pushover) sender(e env) (Sender, error) {
	token, err := e.token(p.Token, "pushover.token")
	if err != nil {
		return nil, err
	}
	user, err := e.token(p.User, "pushover.user")
	if err != nil {
		return nil, err
	}
	server, u, err := e.server(p.Server, "https://api.pushover.net")
	if err != nil {
		return nil, err
	}
	s := &pushover{url: server + "/1/messages.json", token: token, user: user, device: p.Device.Value,
		endpoint: e.endpoint("pushover", u, token, user)}
	s.wait, s.words = pushoverWait, pushoverWords
	s.failed = func(r reply) error {
		var body struct{ Status int }
		r.decode(&body)
		if body.Status == 1 {
			return nil
		}
		err := fmt.Errorf("%s: answered %d, but not that it accepts the message", s.name, r.status)
		if words := s.description(r); words != "" {
			return permanent(fmt.Errorf("%w (%s)", err, words))
		}
		return err
	}
	return s, nil
}

// pushover sends messages to the devices of a user.
type pushover struct {
	endpoint
	url, token, user, device string
}

// Limits of a message, in characters.
const (
	pushoverTitle   = 250
	pushoverMessage = 1024
	pushoverURL     = 512
)

// Send sends n as plain text: html and monospace are not set.
func (s *pushover) Send(ctx context.Context, _ Recipient, n Notification) error {
	form := url.Values{"token": {s.token}, "user": {s.user}, "timestamp": {strconv.FormatInt(n.Timestamp.Unix(), 10)},
		"title": {Cut(n.Title, pushoverTitle)}, "message": {fit(n.message(), pushoverMessage, units, inert)}}
	if s.device != "" {
		form.Set("device", s.device)
	}
	if n.URL != "" && len(n.URL) <= pushoverURL {
		form.Set("url", n.URL)
	}
	return s.call(ctx, http.MethodPost, s.url, []byte(form.Encode()), nil, "application/x-www-form-urlencoded")
}

// pushoverWait returns the time until the quota of messages is renewed: a 429 means that it is used
// up.
func pushoverWait(r reply) time.Duration {
	at, err := strconv.ParseInt(r.header.Get("X-Limit-App-Reset"), 10, 64)
	if err != nil {
		return 0
	}
	return seconds(time.Until(time.Unix(at, 0)).Seconds())
}

func pushoverWords(r reply) string {
	var body struct{ Errors []string }
	r.decode(&body)
	return strings.Join(body.Errors, "; ")
}
