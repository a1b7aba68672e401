package send

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// Telegram holds the settings of a Telegram channel.
type Telegram struct {
	Token  secret          `yaml:"token"`  // the bot's token
	Chat   strictyaml.Text `yaml:"chat"`   // "@channel", or the ID of a chat
	Server secret          `yaml:"server"` // URL of your own Bot API server; https://api.telegram.org by default
}

// UnmarshalYAML decodes the settings. Its errors contain no secret.
func (t *Telegram) UnmarshalYAML(n ast.Node) error {
	type plain Telegram
	return mapping(n, (*plain)(t), "{token: …, chat: …}")
}

func (t Telegram) sender(e env) (Sender, error) {
	if t.Chat.Value == "" {
		return nil, e.pos.Errorf("chat: want @channel, or the ID of a chat")
	}
	token, err := e.token(t.Token, "token")
	if err != nil {
		return nil, err
	}
	server, u, err := e.server(t.Server, "https://api.telegram.org")
	if err != nil {
		return nil, err
	}
	s := &telegram{url: server + "/bot" + token + "/sendMessage", chat: t.Chat.Value,
		endpoint: e.endpoint("telegram", u, token)}
	s.wait = func(r reply) time.Duration { return seconds(telegramBody(r).Parameters.RetryAfter) }
	s.errorText = func(r reply) string { return telegramBody(r).Description }
	s.failed = func(r reply) error {
		body := telegramBody(r)
		switch {
		case body.OK == nil:
			return fmt.Errorf("%s: answered %d without valid JSON", s.name, r.status)
		case !*body.OK:
			return permanent(fmt.Errorf("%s: %s", s.name, s.description(r)))
		}
		return nil
	}
	return s, nil
}

// telegram sends messages to a chat as a bot. A correction is a separate message.
type telegram struct {
	endpoint
	url, chat string
}

// telegramCommand matches a bot command, which Telegram turns into a link.
var telegramCommand = regexp.MustCompile(`(^|\s)/(\w)`)

// Send sends n as plain text: parse_mode is not set.
func (s *telegram) Send(ctx context.Context, _ Recipient, n Notification) error {
	text := telegramCommand.ReplaceAllString(inert(n.lines()), "${1}/"+joiner+"${2}")
	return s.postJSON(ctx, s.url, map[string]any{"chat_id": s.chat, "text": text,
		"link_preview_options": map[string]bool{"is_disabled": true}}, nil)
}

// A telegramReply is the body of a reply of the Bot API.
type telegramReply struct {
	OK          *bool  `json:"ok"`
	Description string `json:"description"`
	Parameters  struct {
		RetryAfter float64 `json:"retry_after"` // seconds
	} `json:"parameters"`
}

// telegramBody decodes the body of a reply.
func telegramBody(r reply) (body telegramReply) {
	r.decode(&body)
	return body
}
