package notify_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// decode decodes JSON. It returns an error if body has unknown members.
func decode(body []byte, into any) error {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// split returns a notification whose title is the first line of text, and whose body is the rest.
func split(text string) shown {
	title, body, _ := strings.Cut(text, "\n")
	return shown{title, body}
}

// These patterns match text that services and their clients turn into links, mentions and other
// elements.
var (
	links    = regexp.MustCompile(`(?i)\bhttps?://\S|\bwww\.\S|\b[a-z0-9-]+\.(?:com|net|example)\b|\bmailto:\S`)
	mentions = regexp.MustCompile(`@[\p{L}\d_]|#[\p{L}\d_]`)
	tildes   = regexp.MustCompile(`~[a-z]`)
	emojis   = regexp.MustCompile(`:[a-zA-Z0-9_+-]+:`)
	commands = regexp.MustCompile(`(?:^|\s)/[a-z]`)
	dates    = regexp.MustCompile(`\{\{(?:DATE|TIME)\(`)
)

// findActive records all matches of the patterns in text as active elements.
func (s *service) findActive(text string, patterns ...*regexp.Regexp) {
	for _, p := range patterns {
		s.active = append(s.active, p.FindAllString(text, -1)...)
	}
}

// blockMarkup matches the beginning of a heading, a quote, a list item or code in Markdown, and a line
// that makes the line above it a heading.
var blockMarkup = regexp.MustCompile(`(?m)^(?: {4}|\t)|` +
	`^[ \t]*(?:#{1,6}[ \t]|-#|>|[-+*][ \t]|\d+[.)][ \t]|=+[ \t]*$|-+[ \t]*$)`)

// markdown returns text without the backslashes that escape Markdown. It records unescaped markup as
// active elements.
func (s *service) markdown(text string) string {
	s.findActive(text, blockMarkup, regexp.MustCompile(`(?:^|[^\\])&#?\w+;`))
	var b strings.Builder
	escaped := false
	for _, c := range text {
		switch {
		case escaped:
			escaped = false
			if !strings.ContainsRune("\\`*_{}[]()<>#+-.!|~=$&", c) {
				b.WriteByte('\\')
			}
			b.WriteRune(c)
		case c == '\\':
			escaped = true
		case strings.ContainsRune("*_~`|[]<", c):
			s.active = append(s.active, string(c))
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// bold splits a Markdown text whose first line is bold.
func (s *service) bold(text string) (shown, error) {
	m := regexp.MustCompile(`(?s)^\*\*(.*?[^\\](?:\\\\)*)\*\*(?:\n(.*))?$`).FindStringSubmatch(text)
	if m == nil {
		return shown{}, fmt.Errorf("the first line of %q is not bold", text)
	}
	return shown{s.markdown(m[1]), s.markdown(m[2])}, nil
}

var ntfySequence = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`)

// newNtfy starts a server with one topic. It accepts ntfy's JSON messages, which contain the topic. If
// token is "", everyone can publish.
func newNtfy(t testing.TB, token, topic string) *service {
	authorization := ""
	if token != "" {
		authorization = "Bearer " + token
	}
	const reply = `{"id":"x","event":"message"}`
	return serve(t, false, http.StatusOK, reply, func(s *service, r *http.Request, body []byte) (string, shown, error) {
		var m struct {
			Topic, Title, Message, Click string
			Priority                     int
			Tags                         []string
			Sequence                     string `json:"sequence_id"`
		}
		if err := decode(body, &m); err != nil {
			return "", shown{}, err
		}
		if r.URL.Path != "/" || r.Header.Get("Authorization") != authorization || m.Topic != topic ||
			m.Priority < 1 || m.Priority > 5 || !ntfySequence.MatchString(m.Sequence) || len(m.Message) > 4096 {
			return "", shown{}, fmt.Errorf("%s %v %s: want path /, the token, topic %s, a priority of 1 to 5, "+
				"a sequence ID and at most 4096 bytes", r.URL, r.Header, body, topic)
		}
		s.findActive(m.Message, links)
		return m.Sequence, shown{m.Title, m.Message}, nil
	})
}

// newDiscord starts a server with one webhook.
func newDiscord(t testing.TB, token, id string) *service {
	const reply = `{"id": "1"}`
	return serve(t, false, http.StatusOK, reply, func(s *service, r *http.Request, body []byte) (string, shown, error) {
		var m struct {
			Content  string
			Flags    int
			Mentions *struct{ Parse []string } `json:"allowed_mentions"`
		}
		if err := decode(body, &m); err != nil {
			return "", shown{}, err
		}
		if r.URL.Path != "/api/webhooks/"+id+"/"+token || r.URL.Query().Get("wait") != "true" ||
			m.Content == "" || utf8.RuneCountInString(m.Content) > 2000 {
			return "", shown{}, fmt.Errorf("%s %s: want the path of the webhook, wait=true and 1 to 2000 characters",
				r.URL, body)
		}
		if m.Mentions == nil || m.Mentions.Parse == nil || len(m.Mentions.Parse) > 0 {
			s.findActive(m.Content, regexp.MustCompile(`@everyone|@here|<@[!&]?\d+>`))
		}
		s.findActive(m.Content, links, regexp.MustCompile(`[^\\]<(?:[@#:/]|a:|t:|https?:)[^>]*>`))
		n, err := s.bold(m.Content)
		return s.next(), n, err
	})
}

// newSlack starts a server with one incoming webhook.
func newSlack(t testing.TB, token string) *service {
	return serve(t, false, http.StatusOK, "ok", func(s *service, r *http.Request, body []byte) (string, shown, error) {
		m := struct {
			Text, Parse string
			Mrkdwn      bool
			Names       bool `json:"link_names"`
			UnfurlLinks bool `json:"unfurl_links"`
			UnfurlMedia bool `json:"unfurl_media"`
		}{Mrkdwn: true}
		if err := decode(body, &m); err != nil {
			return "", shown{}, err
		}
		if r.URL.Path != "/services/T1/B1/"+token || m.Text == "" {
			return "", shown{}, fmt.Errorf("%s %s: want the path of the webhook and a text", r.URL, body)
		}
		s.findActive(m.Text, regexp.MustCompile(`<[^>]*>`), emojis)
		if m.Parse != "none" {
			s.findActive(m.Text, links)
		}
		if m.Mrkdwn {
			s.findActive(m.Text, regexp.MustCompile("[*_~`]"))
		}
		if m.Names {
			s.findActive(m.Text, mentions)
		}
		if regexp.MustCompile(`&(?:[^agl]|$)|[<>]`).MatchString(m.Text) {
			return "", shown{}, fmt.Errorf("text %s: want &, < and > escaped", m.Text)
		}
		return s.next(), split(strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(m.Text)), nil
	})
}

// newMattermost starts a server with one incoming webhook.
func newMattermost(t testing.TB, token string) *service {
	return serve(t, false, http.StatusOK, "ok", func(s *service, r *http.Request, body []byte) (string, shown, error) {
		var m struct{ Text string }
		if err := decode(body, &m); err != nil {
			return "", shown{}, err
		}
		if m.Text == "" || utf8.RuneCountInString(m.Text) > 16383 || r.URL.Path != "/hooks/"+token {
			return "", shown{}, fmt.Errorf("%s %s: want the path of the webhook and 1 to 16383 characters", r.URL, body)
		}
		n, err := s.bold(m.Text)
		s.findActive(n.Title+"\n"+n.Body, mentions, tildes, emojis, links)
		return s.next(), n, err
	})
}

// newMatrix starts a homeserver with one room. It stores a message once for each transaction ID.
func newMatrix(t testing.TB, token, room string) *service {
	prefix := "/_matrix/client/v3/rooms/" + room + "/send/m.room.message/"
	const reply = `{"event_id": "$1"}`
	return serve(t, false, http.StatusOK, reply, func(s *service, r *http.Request, body []byte) (string, shown, error) {
		var m struct {
			Type     string `json:"msgtype"`
			Body     string
			Mentions *struct{} `json:"m.mentions"`
		}
		if err := decode(body, &m); err != nil {
			return "", shown{}, err // a formatted_body, which is HTML, is an unknown member
		}
		transaction, ok := strings.CutPrefix(r.URL.Path, prefix)
		if !ok || transaction == "" || r.Method != http.MethodPut || r.Header.Get("Authorization") != "Bearer "+token ||
			m.Type != "m.text" || m.Body == "" {
			return "", shown{}, fmt.Errorf("%s %s %s: want PUT, the path of the room with a transaction ID, the token, "+
				"and an m.text with a body", r.Method, r.URL, body)
		}
		if m.Mentions == nil { // without m.mentions, push rules search the body for names
			s.findActive(m.Body, regexp.MustCompile(`@room`))
		}
		s.findActive(m.Body, mentions, links)
		return transaction, split(m.Body), nil
	})
}

// newTelegram starts a server with the Bot API, and with one chat.
func newTelegram(t testing.TB, token, chat string) *service {
	const reply = `{"ok": true}`
	return serve(t, false, http.StatusOK, reply, func(s *service, r *http.Request, body []byte) (string, shown, error) {
		var m struct {
			Chat    string `json:"chat_id"`
			Text    string
			Silent  bool `json:"disable_notification"`
			Preview struct {
				Disabled bool `json:"is_disabled"`
			} `json:"link_preview_options"`
		}
		if err := decode(body, &m); err != nil {
			return "", shown{}, err // a parse_mode, which allows markup, is an unknown member
		}
		if r.URL.Path != "/bot"+token+"/sendMessage" || m.Chat != chat ||
			m.Text == "" || utf8.RuneCountInString(m.Text) > 4096 {
			return "", shown{}, fmt.Errorf("%s %s: want sendMessage with the token, chat %s and 1 to 4096 characters",
				r.URL, body, chat)
		}
		s.findActive(m.Text, mentions, links, commands)
		return s.next(), split(m.Text), nil
	})
}

// newGotify starts a server with one application.
func newGotify(t testing.TB, token string) *service {
	const reply = `{"id": 1}`
	return serve(t, false, http.StatusOK, reply, func(s *service, r *http.Request, body []byte) (string, shown, error) {
		var m struct {
			Title, Message string
			Priority       int
			Extras         map[string]map[string]any
		}
		if err := decode(body, &m); err != nil {
			return "", shown{}, err
		}
		if r.URL.Path != "/message" || r.Header.Get("X-Gotify-Key") != token || m.Message == "" {
			return "", shown{}, fmt.Errorf("%s %v %s: want path /message, the token and a message", r.URL, r.Header, body)
		}
		if m.Extras["client::display"]["contentType"] != "text/plain" {
			s.markdown(m.Message)
		}
		s.findActive(m.Message, links)
		return s.next(), shown{m.Title, m.Message}, nil
	})
}

// newPushover starts a server with one application and one user.
func newPushover(t testing.TB, token string) *service {
	const reply = `{"status": 1, "request": "x"}`
	return serve(t, false, http.StatusOK, reply, func(s *service, r *http.Request, body []byte) (string, shown, error) {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return "", shown{}, err
		}
		n := shown{form.Get("title"), form.Get("message")}
		if r.URL.Path != "/1/messages.json" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" ||
			form.Get("token") != token || form.Get("user") != "u"+token || n.Body == "" ||
			utf8.RuneCountInString(n.Title) > 250 || utf8.RuneCountInString(n.Body) > 1024 {
			return "", shown{}, fmt.Errorf("%s %s: want a form with the token, the user, a title of at most 250 characters "+
				"and a message of 1 to 1024", r.URL, body)
		}
		if form.Has("html") || form.Has("monospace") {
			return "", shown{}, errors.New("html or monospace is set")
		}
		s.findActive(n.Body, links)
		return s.next(), n, nil
	})
}

// newTeams starts a server with one workflow.
func newTeams(t testing.TB, token string) *service {
	type card struct {
		Type, Version string
		Schema        string `json:"$schema"`
		Body          []struct {
			Type, Text string
			Inlines    []struct{ Type, Text, Weight, Size string }
		}
		Teams struct{ Width string } `json:"msteams"`
	}
	return serve(t, false, http.StatusAccepted, "", func(s *service, r *http.Request, body []byte) (string, shown, error) {
		var m struct {
			Type        string
			Attachments []struct {
				Type    string  `json:"contentType"`
				URL     *string `json:"contentUrl"`
				Content card
			}
		}
		if err := decode(body, &m); err != nil {
			return "", shown{}, err
		}
		if r.URL.Path != "/workflows/1/triggers/manual/paths/invoke" || r.URL.Query().Get("sig") != token ||
			m.Type != "message" || len(body) > 28<<10 || len(m.Attachments) != 1 ||
			m.Attachments[0].Type != "application/vnd.microsoft.card.adaptive" ||
			m.Attachments[0].Content.Type != "AdaptiveCard" {
			return "", shown{}, fmt.Errorf("%s %s: want the path of the workflow, the token and one card, in at most 28 KiB",
				r.URL, body)
		}
		var texts []string
		for _, b := range m.Attachments[0].Content.Body {
			text := b.Text
			if b.Type == "TextBlock" {
				text = s.markdown(text)
			}
			for _, run := range b.Inlines {
				text += run.Text
			}
			s.findActive(text, links, dates)
			texts = append(texts, text)
		}
		return s.next(), split(strings.Join(texts, "\n")), nil
	})
}
