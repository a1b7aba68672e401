package send

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/jq"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// Webhook holds the settings of a webhook channel.
type Webhook struct {
	URL    secret  `yaml:"url"`
	Secret *secret `yaml:"secret"` // "whsec_" and 24 to 64 bytes in base64
	// Headers are additional headers of each request.
	Headers map[string]secret `yaml:"headers"`
	// Body is a jq expression. Its value, as JSON, is sent in place of the [Notification].
	Body strictyaml.Text `yaml:"body"`
}

// UnmarshalYAML decodes the settings. Its errors contain no secret.
func (w *Webhook) UnmarshalYAML(n ast.Node) error {
	type plain Webhook
	return mapping(n, (*plain)(w), "{url: …}, optionally with {secret: …} to sign requests")
}

func (w Webhook) sender(e env) (Sender, error) {
	u, err := e.httpURL(w.URL.at(e.pos, "webhook.url"))
	if err != nil {
		return nil, err
	}
	var hidden []string
	hook := &webhook{url: u.String(), headers: http.Header{}}
	for name, s := range w.Headers {
		value, err := s.value(e.Host)
		if err != nil {
			return nil, err
		}
		if !headerName(name) || strings.ContainsAny(value, "\r\n\x00") {
			return nil, s.pos.Errorf("headers: %q: want the name of a header, and a value of one line", name)
		}
		hook.headers.Set(name, value)
		hidden = append(hidden, value)
	}
	hook.endpoint = e.endpoint("webhook", u, hidden...)
	if w.Body.Value != "" {
		if hook.body, err = bodyProgram(w.Body.Value); err != nil {
			return nil, w.Body.Pos.Errorf("body: %w", err)
		}
	}
	if w.Secret == nil {
		return hook, nil
	}
	value, err := w.Secret.value(e.Host)
	if err != nil {
		return nil, err
	}
	if hook.key, err = signingKey(value); err != nil {
		return nil, w.Secret.pos.Errorf("%w", err)
	}
	return hook, nil
}

// headerName reports whether name is a token of RFC 9110.
func headerName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	})
}

// signingKey decodes the secret of a webhook.
func signingKey(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("want whsec_ and 24 to 64 bytes in base64, like the output of openssl rand -base64 32")
	}
	return key, nil
}

// notificationFields are the members of a [Notification] in JSON.
var notificationFields = jq.Fields{
	"type": nil, "timestamp": nil, "title": nil, "body": nil, "text": nil, "thread": nil, "url": nil,
	"replaces": nil, "silent": nil, "event": nil,
}

// bodyProgram compiles the jq expression of a body. It returns an error if the expression fails, or
// has no result, for a notification about a goal.
func bodyProgram(text string) (*jq.Program, error) {
	program, err := jq.Compile(text, notificationFields)
	if err != nil {
		return nil, err
	}
	goal := Notification{
		Type: "soccer.mls.goal", Title: "Goal for Toronto FC", Body: "6'", Text: "Goal for Toronto FC (6')", Thread: "thread",
		Event: event.Event{ID: "id", Type: "soccer.mls.goal", Subject: "match"},
	}
	return program, jq.Check(func() error {
		b, err := encodeBody(program, goal)
		if err == nil && string(b) == "null" {
			err = errors.New("the result is null")
		}
		return err
	})
}

// encodeBody returns the value of a body as JSON.
func encodeBody(program *jq.Program, n Notification) ([]byte, error) {
	var input any
	b, err := json.Marshal(n)
	if err == nil {
		err = json.Unmarshal(b, &input)
	}
	if err != nil {
		return nil, err
	}
	return program.JSON(input)
}

// A webhook sends each [Notification], or the value of its body, in a POST request. The headers
// webhook-id (the event's ID) and webhook-timestamp (Unix seconds) are those of Standard Webhooks. If a
// secret is set, webhook-signature (v1) signs the request. Idempotency-Key is the event's ID too: Mastodon and
// other APIs ignore a repeated request with the same key. X-Transaction-Id is the TID.
type webhook struct {
	endpoint
	url     string
	headers http.Header
	body    *jq.Program // if nil, the Notification is sent
	key     []byte      // if nil, requests are not signed
}

// Format implements [Formatter]. The title, body and text that the expression of a body reads are inert, because the
// receiver may be a chat service.
func (w *webhook) Format(n Notification) ([]byte, error) {
	if w.body == nil {
		return nil, nil
	}
	n.Title, n.Body, n.Text = inert(n.Title), inert(n.Body), inert(n.Text)
	return encodeBody(w.body, n)
}

// Send sends n, or the value of the body.
func (w *webhook) Send(ctx context.Context, _ Recipient, n Notification) error {
	body, err := w.Format(n)
	if err == nil && body == nil {
		body, err = json.Marshal(n)
	}
	if err != nil {
		return broker.Permanent(fmt.Errorf("%s: body: %w", w.name, err))
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	header := w.headers.Clone()
	header.Set("X-Transaction-Id", n.Event.TID.String())
	header.Set("Webhook-Id", n.Event.ID)
	header.Set("Idempotency-Key", n.Event.ID)
	header.Set("Webhook-Timestamp", at)
	if w.key != nil {
		mac := hmac.New(sha256.New, w.key)
		mac.Write([]byte(n.Event.ID + "." + at + "."))
		mac.Write(body)
		header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return w.call(ctx, http.MethodPost, w.url, body, header, "application/json")
}
