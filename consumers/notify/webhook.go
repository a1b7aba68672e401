package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// webhookSettings are the settings of a webhook channel.
type webhookSettings struct {
	URL    secret  `yaml:"url"`
	Secret *secret `yaml:"secret"` // "whsec_" and 24 to 64 bytes in base64
}

// UnmarshalYAML takes care that no error shows a secret.
func (w *webhookSettings) UnmarshalYAML(n ast.Node) error {
	type plain webhookSettings
	return mapping(n, (*plain)(w), "{url: …} and, to sign, {secret: …}")
}

// webhook sends every [Notification] as a POST. If a secret is set, the request is signed by the rules of
// Standard Webhooks: webhook-id (the event's ID), webhook-timestamp (Unix seconds) and
// webhook-signature (v1). X-Transaction-Id is the TID.
type webhook struct {
	url, shown string
	key        []byte // nil: nothing is signed
	client     *http.Client
}

func (w webhookSettings) sender(pos strictyaml.Pos, h consumers.Host) (sender, error) {
	u, err := httpURL(w.URL.at(pos, "webhook.url"), h)
	if err != nil {
		return nil, err
	}
	hook := &webhook{url: u.String(), shown: "webhook " + withoutSecrets(u), client: newClient()}
	if w.Secret == nil {
		return hook, nil
	}
	value, err := w.Secret.value(h)
	if err != nil {
		return nil, err
	}
	if hook.key, err = signingKey(value); err != nil {
		return nil, w.Secret.pos.Errorf("%w", err)
	}
	return hook, nil
}

func signingKey(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("want whsec_ and 24 to 64 bytes in base64, as openssl rand -base64 32 makes them")
	}
	return key, nil
}

func (w *webhook) send(ctx context.Context, _ recipient, n Notification) error {
	body, err := json.Marshal(n)
	if err != nil {
		return broker.Permanent(err)
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	header := http.Header{"Content-Type": {"application/json"}, "X-Transaction-Id": {n.Event.TID.String()}, "Webhook-Id": {n.Event.ID}, "Webhook-Timestamp": {at}}
	if w.key != nil {
		mac := hmac.New(sha256.New, w.key)
		mac.Write([]byte(n.Event.ID + "." + at + "."))
		mac.Write(body)
		header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return post(ctx, w.client, w.url, w.shown, body, header)
}
