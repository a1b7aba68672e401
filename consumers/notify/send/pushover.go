package send

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// Pushover holds the settings of a Pushover channel.
type Pushover struct {
	Token  secret          `yaml:"token"`  // API token of an application
	User   secret          `yaml:"user"`   // key of a user or a group
	Device strictyaml.Text `yaml:"device"` // names of devices, separated by commas; all devices by default
	Server secret          `yaml:"server"` // https://api.pushover.net by default
}

// UnmarshalYAML decodes the settings. Its errors contain no secret.
func (p *Pushover) UnmarshalYAML(n ast.Node) error {
	type plain Pushover
	return mapping(n, (*plain)(p), "{token: …, user: …}")
}

var (
	pushoverKey = tokenFormat{"api.pushover.net", regexp.MustCompile(`^[A-Za-z0-9]{30}$`),
		"want 30 letters and digits"}
	pushoverDevices = regexp.MustCompile(`^[A-Za-z0-9_-]{1,25}(,[A-Za-z0-9_-]{1,25})*$`)
)

func (p Pushover) sender(e env) (Sender, error) {
	server, u, err := e.server(p.Server, "https://api.pushover.net")
	if err != nil {
		return nil, err
	}
	token, err := e.tokenOf(p.Token, "pushover.token", u, pushoverKey)
	if err != nil {
		return nil, err
	}
	user, err := e.tokenOf(p.User, "pushover.user", u, pushoverKey)
	if err != nil {
		return nil, err
	}
	if p.Device.Value != "" && !pushoverDevices.MatchString(p.Device.Value) {
		return nil, e.at(p.Device).Errorf("device %q: want names of devices, separated by commas: "+
			"each name has 1 to 25 of the characters A-Z, a-z, 0-9, _ and -", p.Device.Value)
	}
	s := &pushover{url: server + "/1/messages.json", token: token, user: user, device: p.Device.Value,
		endpoint: e.endpoint("pushover", u, token, user)}
	s.wait, s.errorText = pushoverWait, pushoverErrorText
	s.failed = func(r reply) error {
		var body struct{ Status int }
		r.decode(&body)
		if body.Status == 1 {
			return nil
		}
		err := fmt.Errorf("%s: answered %d, but the status in the reply is not 1", s.name, r.status)
		if text := s.description(r); text != "" {
			return permanent(fmt.Errorf("%w (%s)", err, text))
		}
		return err
	}
	return s, nil
}

// pushover sends messages to the devices of a user or a group.
type pushover struct {
	endpoint
	url, token, user, device string
}

// Maximum lengths in a message.
const (
	pushoverTitle   = 250  // runes in the title
	pushoverMessage = 1024 // UTF-16 code units in the message
	pushoverURL     = 512  // bytes in the URL
)

// pushoverSilent is the priority of a message without sound or vibration.
const pushoverSilent = "-1"

// Send sends n as plain text: html and monospace are not set. It omits a URL that is too long.
func (s *pushover) Send(ctx context.Context, _ Recipient, n Notification) error {
	form := url.Values{"token": {s.token}, "user": {s.user}, "timestamp": {strconv.FormatInt(n.Timestamp.Unix(), 10)},
		"title": {Cut(n.Title, pushoverTitle)}, "message": {fit(n.message(), pushoverMessage, utf16Len, inert)}}
	if n.Silent {
		form.Set("priority", pushoverSilent)
	}
	if s.device != "" {
		form.Set("device", s.device)
	}
	if n.URL != "" && len(n.URL) <= pushoverURL {
		form.Set("url", n.URL)
	}
	return s.call(ctx, http.MethodPost, s.url, []byte(form.Encode()), nil, "application/x-www-form-urlencoded")
}

// pushoverWait returns the time until the quota of messages is renewed, or 0 if the reply has no
// such time. Pushover answers 429 if the quota is used up.
func pushoverWait(r reply) time.Duration {
	at, err := strconv.ParseInt(r.header.Get("X-Limit-App-Reset"), 10, 64)
	if err != nil {
		return 0
	}
	return seconds(time.Until(time.Unix(at, 0)).Seconds())
}

func pushoverErrorText(r reply) string {
	var body struct{ Errors []string }
	r.decode(&body)
	return strings.Join(body.Errors, "; ")
}
