package send

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// Matrix holds the settings of a Matrix channel.
type Matrix struct {
	Server secret          `yaml:"server"` // the homeserver: https://matrix.example
	Token  secret          `yaml:"token"`  // access token of a user who has joined the room
	Room   strictyaml.Text `yaml:"room"`   // the room's ID, "!…", not its alias
}

// UnmarshalYAML decodes the settings. Its errors contain no secret.
func (m *Matrix) UnmarshalYAML(n ast.Node) error {
	type plain Matrix
	return mapping(n, (*plain)(m), "{server: https://matrix.example, token: …, room: '!…'}")
}

// matrixRoom matches the ID of a room. From room version 12 on, the ID contains no server.
var matrixRoom = regexp.MustCompile(`^![^\s:]+(:[^\s]+)?$`)

func (m Matrix) sender(e env) (Sender, error) {
	server, u, err := e.server(m.Server.at(e.pos, "matrix.server"), "")
	if err != nil {
		return nil, err
	}
	token, err := e.token(m.Token, "matrix.token")
	if err != nil {
		return nil, err
	}
	if !matrixRoom.MatchString(m.Room.Value) {
		return nil, e.at(m.Room).Errorf(
			"room %q: want the ID of a room, which begins with !; the settings of the room show it", m.Room.Value)
	}
	s := &matrix{
		url:      server + "/_matrix/client/v3/rooms/" + url.PathEscape(m.Room.Value) + "/send/m.room.message/",
		channel:  e.name,
		header:   http.Header{"Authorization": {"Bearer " + token}},
		endpoint: e.endpoint("matrix", u, token),
	}
	s.wait, s.errorText = matrixWait, matrixErrorText
	return s, nil
}

// matrix sends messages to a room as a user.
type matrix struct {
	endpoint
	url, channel string
	header       http.Header
}

// Send sends n with a transaction ID that depends only on the channel and the event. The homeserver
// stores one message for each transaction ID, so a retry does not create another message.
func (s *matrix) Send(ctx context.Context, _ Recipient, n Notification) error {
	transaction := url.PathEscape(fmt.Sprintf("matchwire.%s.%s", s.channel, n.Event.ID))
	return s.sendJSON(ctx, http.MethodPut, s.url+transaction, map[string]any{
		"msgtype": "m.text", "body": inert(n.lines()),
		// Without m.mentions, old push rules search the body for names and @room.
		"m.mentions": struct{}{},
	}, s.header)
}

// A matrixError is the body of an error reply.
type matrixError struct {
	Code       string  `json:"errcode"`
	Message    string  `json:"error"`
	RetryAfter float64 `json:"retry_after_ms"` // milliseconds
}

// matrixWait returns the wait from retry_after_ms of an M_LIMIT_EXCEEDED error. Servers before Matrix
// 1.10 send no Retry-After header.
func matrixWait(r reply) time.Duration {
	var body matrixError
	r.decode(&body)
	return seconds(body.RetryAfter / 1000)
}

func matrixErrorText(r reply) string {
	var body matrixError
	r.decode(&body)
	return strings.TrimSpace(body.Code + " " + body.Message)
}
