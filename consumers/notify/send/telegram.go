package send

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"sync/atomic"
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

var (
	telegramChat  = regexp.MustCompile(`^(-?[1-9][0-9]{0,18}|@[A-Za-z][A-Za-z0-9_]{3,31})$`)
	telegramToken = tokenFormat{"api.telegram.org", regexp.MustCompile(`^\d{3,20}:[A-Za-z0-9_-]{35}$`),
		"want the token that @BotFather shows: digits, a colon and 35 characters from A-Z, a-z, 0-9, _ and -"}
)

func (t Telegram) sender(e env) (Sender, error) {
	server, u, err := e.server(t.Server, "https://api.telegram.org")
	if err != nil {
		return nil, err
	}
	token, err := e.tokenOf(t.Token, "telegram.token", u, telegramToken)
	if err != nil {
		return nil, err
	}
	if !telegramChat.MatchString(t.Chat.Value) {
		return nil, e.at(t.Chat).Errorf("chat %q: want the ID of a chat, like -1001234567890, or @ and the name of a channel",
			t.Chat.Value)
	}
	s := &telegram{url: server + "/bot" + token + "/sendMessage", channel: e.name, log: e.Log,
		endpoint: e.endpoint("telegram", u, token)}
	s.chat.Store(&t.Chat.Value)
	s.cause = telegramMoved
	s.wait = func(r reply) time.Duration { return seconds(telegramBody(r).Parameters.RetryAfter) }
	s.errorText = func(r reply) string { return telegramBody(r).Description }
	s.failed = func(r reply) error {
		body := telegramBody(r)
		switch {
		case body.OK == nil:
			return fmt.Errorf("%s: answered %d without valid JSON", s.name, r.status)
		case !*body.OK:
			err := fmt.Errorf("%s: %s", s.name, s.description(r))
			if moved := telegramMoved(r); moved != nil {
				err = fmt.Errorf("%w: %w", err, moved)
			}
			return permanent(err)
		}
		return nil
	}
	return s, nil
}

// telegram sends messages to a chat as a bot. A correction is a separate message.
type telegram struct {
	endpoint
	url, channel string
	chat         atomic.Pointer[string] // the ID or the name of the chat; changes when the chat moves
	log          *slog.Logger
}

// telegramLinks matches the beginning of a bot command or a cash tag, such as /start or $USD. Telegram
// turns them into links, after any character that is not part of a word.
var telegramLinks = regexp.MustCompile(`/\w|\$[A-Z]`)

// maxMoves is the maximum number of moves of a chat that one notification follows.
const maxMoves = 3

// Send sends n as plain text: parse_mode is not set. If the chat has moved to another ID, as happens
// when a group becomes a supergroup, n and all later notifications go to the new ID, until matchwire
// restarts.
func (s *telegram) Send(ctx context.Context, _ Recipient, n Notification) error {
	text := telegramLinks.ReplaceAllStringFunc(inert(n.lines()), func(s string) string { return s[:1] + joiner + s[1:] })
	for moves := 0; ; moves++ {
		chat := s.chat.Load()
		message := map[string]any{"chat_id": *chat, "text": text,
			"link_preview_options": map[string]bool{"is_disabled": true}}
		if n.Silent {
			message["disable_notification"] = true
		}
		err := s.postJSON(ctx, s.url, message, nil)
		var moved *movedError
		if !errors.As(err, &moved) || moved.to == *chat || moves == maxMoves {
			return err
		}
		if s.chat.CompareAndSwap(chat, &moved.to) {
			s.log.Warn("chat has moved: change the setting chat of the channel to the new ID",
				"channel", s.channel, "old", *chat, "new", moved.to)
		}
	}
}

// A movedError means that a chat has a new ID.
type movedError struct{ to string }

func (m *movedError) Error() string {
	return "the chat has moved: change the setting chat to \"" + m.to + "\""
}

// telegramMoved returns a movedError if a reply contains the new ID of the chat, and otherwise nil.
func telegramMoved(r reply) error {
	if id := telegramBody(r).Parameters.MigrateTo; id != 0 {
		return &movedError{strconv.FormatInt(id, 10)}
	}
	return nil
}

// A telegramReply is the body of a reply from the Bot API.
type telegramReply struct {
	OK          *bool  `json:"ok"`
	Description string `json:"description"`
	Parameters  struct {
		RetryAfter float64 `json:"retry_after"`        // seconds
		MigrateTo  int64   `json:"migrate_to_chat_id"` // the new ID of a chat that has moved
	} `json:"parameters"`
}

// telegramBody decodes the body of a reply.
func telegramBody(r reply) (body telegramReply) {
	r.decode(&body)
	return body
}
