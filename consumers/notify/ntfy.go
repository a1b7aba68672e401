package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// ntfySettings are the settings of an ntfy channel.
type ntfySettings struct {
	URL   secret  `yaml:"url"`   // https://ntfy.sh/mytopic
	Token *secret `yaml:"token"` // an access token
}

// UnmarshalYAML takes care that no error shows a secret.
func (f *ntfySettings) UnmarshalYAML(n ast.Node) error {
	type plain ntfySettings
	return mapping(n, (*plain)(f), "{url: https://ntfy.sh/mytopic} and, where it needs one, {token: …}")
}

// ntfy publishes on a topic of an ntfy server. A correction has the sequence ID of the message it
// corrects. From ntfy 2.16 on it replaces that message; an earlier server shows both.
type ntfy struct {
	url, shown, topic string
	header            http.Header
	client            *http.Client
}

var ntfyTopic = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (f ntfySettings) sender(pos strictyaml.Pos, h consumers.Host) (sender, error) {
	u, err := httpURL(f.URL.at(pos, "ntfy.url"), h)
	if err != nil {
		return nil, err
	}
	base, topic := "", ""
	if i := strings.LastIndex(u.Path, "/"); i >= 0 {
		base, topic = u.Path[:i], u.Path[i+1:]
	}
	if !ntfyTopic.MatchString(topic) {
		return nil, f.URL.pos.Errorf("url: want that of a topic, like https://ntfy.sh/mytopic")
	}
	server := url.URL{Scheme: u.Scheme, Host: u.Host, User: u.User, Path: base + "/"}
	s := &ntfy{url: server.String(), shown: "ntfy " + withoutSecrets(u), topic: topic, client: newClient(), header: http.Header{"Content-Type": {"application/json"}}}
	if f.Token != nil {
		token, err := f.Token.value(h)
		if err != nil {
			return nil, err
		}
		if strings.ContainsAny(token, "\r\n\x00") {
			return nil, f.Token.pos.Errorf("token: want one line")
		}
		s.header.Set("Authorization", "Bearer "+token)
	}
	return s, nil
}

// A ntfyMessage is what is published, as ntfy's JSON has it.
type ntfyMessage struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Priority int      `json:"priority"` // 1 to 5
	Tags     []string `json:"tags,omitempty"`
	Sequence string   `json:"sequence_id"`
	Click    string   `json:"click,omitempty"`
}

func (s *ntfy) send(ctx context.Context, _ recipient, n Notification) error {
	m := ntfyMessage{Topic: s.topic, Title: n.Title, Message: n.Body, Priority: 3, Sequence: n.Thread, Click: n.URL}
	if n.urgent() {
		m.Priority = 4
	}
	if tag := ntfyTags[n.Event.Data.Sport]; tag != "" {
		m.Tags = []string{tag}
	}
	body, err := json.Marshal(m)
	if err != nil {
		return broker.Permanent(err)
	}
	header := s.header.Clone()
	header.Set("X-Transaction-Id", n.Event.TID.String())
	return post(ctx, s.client, s.url, s.shown, body, header)
}

// ntfyTags are names of emoji.
var ntfyTags = map[event.Sport]string{
	event.Soccer: "soccer", event.Basketball: "basketball", event.AmericanFootball: "football", event.IceHockey: "ice_hockey",
	event.Baseball: "baseball", event.Cricket: "cricket_bat_and_ball", event.Tennis: "tennis", event.Rugby: "rugby_football",
}
