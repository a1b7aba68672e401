package send

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/event"
)

// Ntfy holds the settings of an ntfy channel.
type Ntfy struct {
	URL   secret  `yaml:"url"`   // https://ntfy.sh/mytopic
	Token *secret `yaml:"token"` // an access token; optional
}

// UnmarshalYAML decodes the settings. Its errors contain no secret.
func (f *Ntfy) UnmarshalYAML(n ast.Node) error {
	type plain Ntfy
	return mapping(n, (*plain)(f), "{url: https://ntfy.sh/mytopic}, optionally with {token: …}")
}

// ntfy publishes messages to a topic of an ntfy server. A correction has the same sequence ID as the
// message that it corrects. Since ntfy 2.16, the correction replaces that message. Earlier servers show
// both.
type ntfy struct {
	endpoint
	url, topic string
	header     http.Header
}

var (
	ntfyTopic = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	ntfyToken = tokenFormat{"ntfy.sh", regexp.MustCompile(`^tk_[a-z0-9]{29}$`),
		"want an access token: tk_ and 29 characters from a-z and 0-9"}
)

// ntfyPages are paths of an ntfy server that cannot be topics.
var ntfyPages = []string{"docs", "static", "file", "app", "metrics", "account", "settings", "signup", "login",
	"reset-password"}

func (f Ntfy) sender(e env) (Sender, error) {
	u, err := e.httpURL(f.URL.at(e.pos, "ntfy.url"))
	if err != nil {
		return nil, err
	}
	base, topic := "", ""
	if i := strings.LastIndex(u.Path, "/"); i >= 0 {
		base, topic = u.Path[:i], u.Path[i+1:]
	}
	if !ntfyTopic.MatchString(topic) || slices.Contains(ntfyPages, topic) {
		return nil, f.URL.pos.Errorf("url: want the URL of a topic, like https://ntfy.sh/mytopic: " +
			"a topic has 1 to 64 characters from A-Z, a-z, 0-9, _ and -, and is not a page of the ntfy server, like docs")
	}
	server := url.URL{Scheme: u.Scheme, Host: u.Host, User: u.User, Path: base + "/"}
	s := &ntfy{url: server.String(), topic: topic, header: http.Header{}}
	token := ""
	if f.Token != nil {
		if token, err = e.tokenOf(*f.Token, "token", u, ntfyToken); err != nil {
			return nil, err
		}
		s.header.Set("Authorization", "Bearer "+token)
	}
	s.endpoint = e.endpoint("ntfy", u, token)
	s.errorText = func(r reply) string {
		var body struct{ Error string }
		r.decode(&body)
		return body.Error
	}
	return s, nil
}

// An ntfyMessage is a message in ntfy's JSON format.
type ntfyMessage struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Priority int      `json:"priority"` // 1 to 5
	Tags     []string `json:"tags,omitempty"`
	Sequence string   `json:"sequence_id"`
	Click    string   `json:"click,omitempty"`
}

// Priorities of a message, from 1 to 5.
const (
	ntfySilent = 2 // without sound or vibration
	ntfyNormal = 3
	ntfyUrgent = 4
)

// ntfyLimit is the maximum length of a message in bytes. A server stores a longer message as an
// attachment.
const ntfyLimit = 4096

// Spacing implements [Spaced]. ntfy stores the time of a message in whole seconds, and apps show
// messages with the same time in any order.
func (s *ntfy) Spacing() time.Duration { return 1100 * time.Millisecond }

func (s *ntfy) Send(ctx context.Context, _ Recipient, n Notification) error {
	m := ntfyMessage{Topic: s.topic, Title: n.Title, Message: fit(n.Body, ntfyLimit, byteLen, inert),
		Priority: ntfyNormal, Sequence: n.Thread, Click: n.URL}
	switch {
	case n.Silent:
		m.Priority = ntfySilent
	case n.urgent():
		m.Priority = ntfyUrgent
	}
	if tag := ntfyTags[n.Event.Data.Sport]; tag != "" {
		m.Tags = []string{tag}
	}
	header := s.header.Clone()
	header.Set("X-Transaction-Id", n.Event.TID.String())
	return s.postJSON(ctx, s.url, m, header)
}

// ntfyTags maps a sport to a tag, which clients show as an emoji.
var ntfyTags = map[event.Sport]string{
	event.Soccer: "soccer", event.Basketball: "basketball", event.AmericanFootball: "football",
	event.IceHockey: "ice_hockey", event.Baseball: "baseball", event.Cricket: "cricket_bat_and_ball",
	event.Tennis: "tennis", event.Rugby: "rugby_football",
}
