package send

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/matchwire/matchwire/event"
)

var (
	// activeText matches the text that the clients of services turn into links and mentions.
	activeText = regexp.MustCompile(
		`(?i)\bhttps?://|\bwww\.|\b[a-z0-9-]+\.(?:com|net|example)\b|\b(?:mailto|tel):|[@#][\p{L}\p{N}_]|<[@!#a-z/]`)
	// escaped matches an escaped Markdown character, with its backslash.
	escaped = regexp.MustCompile("\\\\([!-/:-@\\[-`{-~])")
	// bareMarkup matches an unescaped Markdown character.
	bareMarkup = regexp.MustCompile("[*_~`|<\\[\\]$]")
	// bareBlock matches unescaped markup of Markdown blocks: the beginning of a heading, a quote, a list item
	// or code, or a line that makes the line above it a heading. It also matches an unescaped character
	// reference.
	bareBlock = regexp.MustCompile(`(?m)^(?: {4}|\t)|(?:^|[^\\])&#?\w+;|` +
		`^[ \t]*(?:#{1,6}[ \t]|-#|>|[-+*][ \t]|\d+[.)][ \t]|=+[ \t]*$|-+[ \t]*$)`)
	// shortCode matches a word that Slack and Mattermost show as an emoji.
	shortCode = regexp.MustCompile(`:[a-zA-Z0-9_+-]+:`)
	// botText matches a bot command or a cash tag, as TDLib finds them in Telegram texts.
	botText = regexp.MustCompile(`(?:^|[^\p{L}\p{N}_/<>])/[a-zA-Z0-9_]|` +
		`(?:^|[^$\p{L}\p{N}_])\$[A-Z]{1,8}(?:[^$\p{L}\p{N}_]|$)`)
	// channelLink matches the beginning of a Mattermost channel link.
	channelLink = regexp.MustCompile(`~[a-z0-9]`)
	// cardDate matches the beginning of a date in a Teams adaptive card.
	cardDate = regexp.MustCompile(`\{\{`)
)

// A recorder answers every request with 200, and stores the latest body.
type recorder struct{ body []byte }

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	var err error
	r.body, err = io.ReadAll(req.Body)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, err
}

// A fuzzedSender is a sender, and the rules of its service.
type fuzzedSender struct {
	Sender
	text     func(body []byte) (string, error) // returns the text in the body of a request
	markdown bool                              // whether the text is Markdown with a bold first line
	active   []*regexp.Regexp                  // what the service finds in a text besides links and mentions
}

// fuzzedSenders returns a sender for each service that shows text, by name.
func fuzzedSenders(t testing.TB, r *recorder) map[string]fuzzedSender {
	t.Helper()
	to := endpoint{name: "fuzz", client: &http.Client{Transport: r}}
	const u = "https://chat.example/"
	chat := &telegram{endpoint: to, url: u, log: slog.New(slog.DiscardHandler)}
	id := "-1001"
	chat.chat.Store(&id)
	body, err := bodyProgram(`{text}`)
	if err != nil {
		t.Fatal(err)
	}
	member := func(name string) func([]byte) (string, error) {
		return func(b []byte) (string, error) {
			var m map[string]any
			err := json.Unmarshal(b, &m)
			text, _ := m[name].(string)
			return text, err
		}
	}
	card := func(b []byte) (text string, err error) {
		var m struct {
			Attachments []struct {
				Content struct {
					Body []struct{ Inlines []struct{ Text string } }
				}
			}
		}
		err = json.Unmarshal(b, &m)
		for _, a := range m.Attachments {
			for _, p := range a.Content.Body {
				for _, run := range p.Inlines {
					text += run.Text + "\n"
				}
			}
		}
		return strings.TrimSuffix(text, "\n"), err
	}
	form := func(b []byte) (string, error) {
		q, err := url.ParseQuery(string(b))
		return q.Get("message"), err
	}
	slackText := func(b []byte) (string, error) {
		text, err := member("text")(b)
		if strings.ContainsAny(text, "<>") {
			t.Errorf("Slack would see markup in %q", text)
		}
		return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text), err
	}
	return map[string]fuzzedSender{
		"discord":    {&discord{endpoint: to, url: u}, member("content"), true, nil},
		"slack":      {&slack{endpoint: to, url: u}, slackText, false, []*regexp.Regexp{shortCode}},
		"mattermost": {&mattermost{endpoint: to, url: u}, member("text"), true, []*regexp.Regexp{shortCode, channelLink}},
		"matrix":     {&matrix{endpoint: to, url: u, channel: "c"}, member("body"), false, nil},
		"telegram":   {chat, member("text"), false, []*regexp.Regexp{botText}},
		"teams":      {&teams{endpoint: to, url: u}, card, false, []*regexp.Regexp{cardDate}},
		"ntfy":       {&ntfy{endpoint: to, url: u, header: http.Header{}}, member("message"), false, nil},
		"gotify":     {&gotify{endpoint: to, url: u}, member("message"), false, nil},
		"pushover":   {&pushover{endpoint: to, url: u}, form, false, nil},
		"webhook":    {&webhook{endpoint: to, url: u, headers: http.Header{}, body: body}, member("text"), false, nil},
	}
}

// checkSent sends a notification whose title and body are the text of a page. It checks that the text
// that a service shows has no active text or markup. Unless that text contains an ellipsis, it must be the
// original text.
func (s fuzzedSender) checkSent(t *testing.T, name string, r *recorder, n Notification) {
	t.Helper()
	if err := s.Send(t.Context(), Recipient{}, n); err != nil {
		t.Errorf("%s: sending %+v: %v", name, n, err)
		return
	}
	text, err := s.text(r.body)
	if err != nil {
		t.Errorf("%s: body %q: %v", name, r.body, err)
	}
	if s.markdown {
		first, rest, _ := strings.Cut(text, "\n")
		inner, ok := strings.CutPrefix(first, "**")
		inner, bold := strings.CutSuffix(inner, "**")
		if !ok || !bold {
			t.Errorf("%s: the first line of %q is not bold", name, text)
		}
		text = inner + "\n" + rest
		found := bareMarkup.FindAllString(escaped.ReplaceAllString(text, ""), -1)
		if found = append(found, bareBlock.FindAllString(rest, -1)...); found != nil {
			t.Errorf("%s: %q has the markup %q, want none", name, text, found)
		}
		text = strings.TrimSuffix(escaped.ReplaceAllString(text, "$1"), "\n")
	}
	for _, p := range append(s.active, activeText) {
		if found := p.FindAllString(text, -1); found != nil {
			t.Errorf("%s: %q has the active texts %q, want none", name, text, found)
		}
	}
	visible := func(text string) string { return strings.ReplaceAll(text, joiner, "") }
	want := []string{visible(n.lines()), visible(n.message()), visible(n.Text)}
	if got := visible(text); got != want[0] && got != want[1] && got != want[2] && !strings.Contains(got, "…") {
		t.Errorf("%s shows %q, want the original text %q", name, got, want[0])
	}
}

// checkMail checks that a mail has only the headers of matchwire, the title as its subject, and no
// active text in its body.
func checkMail(t *testing.T, n Notification) {
	t.Helper()
	m := &mailer{from: &mail.Address{Address: "me@club.example"}}
	sent := m.message(Recipient{ID: "desk", Address: "desk@club.example"}, n)
	parsed, err := mail.ReadMessage(bytes.NewReader(sent))
	if err != nil {
		t.Errorf("mail with the title %q: %v", n.Title, err)
		return
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
	if err != nil || subject != n.Title || len(parsed.Header) != 11 {
		t.Errorf("mail with the title %q: subject %q, error %v, headers %v; want this title and 11 headers",
			n.Title, subject, err, parsed.Header)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(parsed.Body))
	if found := activeText.FindAllString(string(body), -1); err != nil || found != nil {
		t.Errorf("mail with the body %q: error %v, active texts %q, want none", n.Body, err, found)
	}
}

// FuzzHostileText escapes any text for the chat services, and sends it with each sender. It checks
// that no mention, link, command, emoji or markup is left, and that readers see the original text.
func FuzzHostileText(f *testing.F) {
	for _, text := range []string{
		"@everyone <!channel> <@U123> <#C1|general>", "[click](https://evil.example) www.evil.example a@evil.example",
		"HTTP://evil.com.net mailto:a tel:1", "**b** __u__ ~~s~~ ||x|| `c` \\* \\\\ &lt;b&gt; &#64;all",
		"# h\n> q\n- i\n1. i\n===",
		":smile: :a:b: x.y.evil.example", "\u202e\x1b[31m\u2060@\u2060x",
		"/start x-/ban (/kick@bot $USD 1/0 a/b", "~town-square :a:b: \\~x", "{{DATE(2026-01-01T00:00:00Z)}} {{{x",
		"=?utf-8?q?x?=\r\nBcc: a",
		"**\\**\n\\", "&amp;&#60;\n    code\n1) x\n-# y", strings.Repeat("*_[<@", 500), "**\n**\n---",
		"@@x ##x <<@x> w.www.www.x", "K.com ſ.com www．evil.com",
	} {
		f.Add(text)
	}
	visible := func(text string) string { return strings.ReplaceAll(text, joiner, "") }
	r := &recorder{}
	senders := fuzzedSenders(f, r)
	f.Fuzz(func(t *testing.T, text string) {
		text = Clean(text)
		if !utf8.ValidString(text) {
			t.Fatalf("Clean returns invalid UTF-8: %q", text)
		}
		quiet := inert(text)
		if found := activeText.FindAllString(quiet, -1); found != nil {
			t.Errorf("inert(%q) = %q has the active texts %q, want none", text, quiet, found)
		}
		if visible(quiet) != visible(text) {
			t.Errorf("inert(%q) = %q, want the same visible text", text, quiet)
		}
		if found := emoji.FindAllString(withoutEmoji(quiet), -1); found != nil {
			t.Errorf("withoutEmoji(%q) has the emoji %q, want none", quiet, found)
		}
		marked := markdown(quiet)
		if shown := escaped.ReplaceAllString(marked, "$1"); shown != quiet {
			t.Errorf("markdown(%q) = %q is shown as %q, want the original text", quiet, marked, shown)
		}
		if found := bareMarkup.FindAllString(escaped.ReplaceAllString(marked, ""), -1); found != nil {
			t.Errorf("markdown(%q) = %q has the markup %q, want none", quiet, marked, found)
		}
		if strings.ContainsAny(slackEscapes.Replace(quiet), "<>") {
			t.Errorf("Slack would see markup in %q", slackEscapes.Replace(quiet))
		}
		n := Notification{Title: strings.Join(strings.Fields(text), " "), Timestamp: time.Unix(1e9, 0), Thread: "thread"}
		var lines []string // package notify removes spaces around each line
		for line := range strings.SplitSeq(text, "\n") {
			lines = append(lines, strings.TrimSpace(line))
		}
		n.Body = strings.TrimSpace(strings.Join(lines, "\n"))
		n.Text = n.Title + " (" + n.Body + ")"
		n.Event.ID, n.Event.TID = "e1", event.NewTID()
		if n.Title == "" {
			return // package notify gives every notification a title
		}
		for name, s := range senders {
			s.checkSent(t, name, r, n)
		}
		checkMail(t, n)
	})
}
