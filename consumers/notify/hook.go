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

	"github.com/matchwire/matchwire/event"
)

// A Notification is the body of a webhook's POST. The headers Webhook-Id and
// X-Transaction-Id repeat the event's id and tid, so that a receiver can
// recognize what it has had before.
type Notification struct {
	Text  string      `json:"text"` // one line for people; chat services show it as it is
	Event event.Event `json:"event"`
}

type hook struct {
	url    string // may hold a secret
	shown  string // the same without path and query, for errors
	client *http.Client
}

// send says by its error whether trying again can help.
func (h *hook) send(ctx context.Context, n Notification) error {
	body, err := json.Marshal(n)
	if err != nil {
		return event.Permanent(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return event.Permanent(fmt.Errorf("webhook %s: bad URL", h.shown))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Webhook-Id", n.Event.ID)
	req.Header.Set("X-Transaction-Id", n.Event.TID.String())
	resp, err := h.client.Do(req)
	if err != nil {
		var ue *url.Error // its text holds the URL
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return fmt.Errorf("webhook %s: %w", h.shown, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	switch s := resp.StatusCode; {
	case s < 300:
		return nil
	case s == http.StatusTooManyRequests || s == http.StatusRequestTimeout || s >= 500:
		return fmt.Errorf("webhook %s: answered %s", h.shown, resp.Status)
	default:
		return event.Permanent(fmt.Errorf("webhook %s: answered %s", h.shown, resp.Status))
	}
}
