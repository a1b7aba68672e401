package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// telegramSettings are the settings of a Telegram channel.
type telegramSettings struct {
	Token  secret `yaml:"token"`  // of the bot
	Chat   text   `yaml:"chat"`   // "@channel", or a chat's number
	Server secret `yaml:"server"` // of a Bot API of one's own; https://api.telegram.org without it
}

// UnmarshalYAML takes care that no error shows a secret.
func (s *telegramSettings) UnmarshalYAML(n ast.Node) error {
	type plain telegramSettings
	return mapping(n, (*plain)(s), "{token: …, chat: …}")
}

// telegram sends to a chat as a bot. A correction is a message of its own. (Shoutrrr's Telegram service
// is not used, since it takes any answer for success.)
type telegram struct {
	url, chat string
	client    *http.Client
}

func (s telegramSettings) sender(pos strictyaml.Pos, h consumers.Host) (sender, error) {
	if s.Chat.value == "" {
		return nil, pos.Errorf("chat: want @channel, or the number of a chat")
	}
	token, err := s.Token.at(pos, "token").value(h)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(token, "/?#% \r\n") {
		return nil, s.Token.pos.Errorf("token: want that of a bot, as BotFather gives it")
	}
	server := &url.URL{Scheme: "https", Host: "api.telegram.org"}
	if s.Server.pos.Line > 0 {
		if server, err = httpURL(s.Server, h); err != nil {
			return nil, err
		}
	}
	return &telegram{url: strings.TrimSuffix(server.String(), "/") + "/bot" + token + "/sendMessage", chat: s.Chat.value, client: newClient()}, nil
}

func (s *telegram) send(ctx context.Context, _ recipient, n Notification) error {
	body, err := json.Marshal(map[string]any{"chat_id": s.chat, "text": n.Title + "\n" + n.Body})
	if err != nil {
		return broker.Permanent(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return broker.Permanent(errors.New("telegram: bad URL"))
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return answer("telegram", resp, err)
	}
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	resp.Body.Close()
	var told struct {
		OK          bool   `json:"ok"`
		Description string `json:"description"`
		Parameters  struct {
			RetryAfter int `json:"retry_after"`
		} `json:"parameters"`
	}
	err = json.Unmarshal(said, &told)
	switch {
	case err == nil && told.OK:
		return nil
	case told.Parameters.RetryAfter > 0:
		until := time.Now().Add(min(time.Duration(told.Parameters.RetryAfter)*time.Second, longRest))
		return &refusedError{broker.Postpone(until, "telegram: "+cut(told.Description, 200)), until}
	case err == nil && resp.StatusCode < 300: // it says no, and not why by its status
		return &refusedError{error: broker.Permanent(fmt.Errorf("telegram: %s", cut(told.Description, 200)))}
	}
	resp.Body = io.NopCloser(bytes.NewReader(nil))
	if resp.StatusCode < 300 {
		return fmt.Errorf("telegram: answered %s with what is not its JSON", resp.Status)
	}
	if told.Description != "" {
		return withWords(answer("telegram", resp, nil), told.Description)
	}
	return answer("telegram", resp, nil)
}

// withWords adds a service's own words to an error.
func withWords(err error, words string) error {
	var refused *refusedError
	if errors.As(err, &refused) {
		return &refusedError{fmt.Errorf("%w (%s)", refused.error, cut(words, 200)), refused.until}
	}
	return err
}
