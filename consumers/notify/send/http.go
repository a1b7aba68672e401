package send

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/internal/retryafter"
)

// An endpoint is a service that is called by HTTP. Its fields are the rules by which the service
// differs from plain HTTP.
type endpoint struct {
	name    string // what errors call it; not secret
	client  *http.Client
	secrets secrets
	// failed, if not nil, returns an error if a 2xx reply means that the service did not accept
	// the notification.
	failed func(reply) error
	// wait, if not nil, returns how long to wait after a 429, or a 503, without a Retry-After
	// header; 0 if the reply does not say.
	wait func(reply) time.Duration
	// words, if not nil, returns the service's own description of an error.
	words func(reply) string
}

// endpoint returns the endpoint of a service. kind and the host of u are its name in errors. hidden
// are secrets that are not in u.
func (e env) endpoint(kind string, u *url.URL, hidden ...string) endpoint {
	return endpoint{name: kind + " " + withoutSecrets(u), client: e.client(), secrets: newSecrets(u, hidden...)}
}

// A reply is what a service answered.
type reply struct {
	status int
	header http.Header
	body   []byte // at most maxReply bytes
}

const maxReply = 64 << 10

// decode decodes the body as JSON. A malformed body leaves v as it is.
func (r reply) decode(v any) { _ = json.Unmarshal(r.body, v) }

// postJSON sends v as JSON.
func (e endpoint) postJSON(ctx context.Context, u string, v any, header http.Header) error {
	return e.sendJSON(ctx, http.MethodPost, u, v, header)
}

func (e endpoint) sendJSON(ctx context.Context, method, u string, v any, header http.Header) error {
	body, err := json.Marshal(v)
	if err != nil {
		return broker.Permanent(err)
	}
	return e.call(ctx, method, u, body, header, "application/json")
}

// call sends a request and classifies the reply.
func (e endpoint) call(
	ctx context.Context, method, u string, body []byte, header http.Header, contentType string,
) error {
	req, err := http.NewRequestWithContext(ctx, method, u, bytes.NewReader(body))
	if err != nil {
		return broker.Permanent(fmt.Errorf("%s: bad URL", e.name))
	}
	if header != nil {
		req.Header = header.Clone()
	}
	if req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := e.client.Do(req)
	return e.result(resp, err)
}

// result classifies the reply to a request, or the error if there was none. It closes the body.
func (e endpoint) result(resp *http.Response, err error) error {
	if err != nil {
		return e.noReply(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	r := reply{resp.StatusCode, resp.Header, body}
	if r.status >= 200 && r.status < 300 {
		if e.failed == nil {
			return nil
		}
		return e.failed(r)
	}
	return e.classify(r, fmt.Errorf("%s: answered %s", e.name, resp.Status))
}

// noReply returns the error of a call without a reply. The notification may have arrived, unless
// there was no connection.
func (e endpoint) noReply(err error) error {
	var withURL *url.Error // the URL may be secret
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	err = fmt.Errorf("%s: %w", e.name, err)
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return &RefusedError{Err: err}
	}
	return err
}

// classify returns the error of a reply other than 2xx.
func (e endpoint) classify(r reply, err error) error {
	if words := e.description(r); words != "" {
		err = fmt.Errorf("%w (%s)", err, words)
	}
	wait := e.waitOf(r)
	switch s := r.status; {
	case s == http.StatusTooManyRequests, s == http.StatusServiceUnavailable && wait > 0:
		return postponed(err, wait)
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly, s >= 500:
		return &RefusedError{Err: err}
	case s >= 300 && s < 400:
		return permanent(fmt.Errorf("%w: redirects are not followed", err))
	}
	return permanent(err)
}

// waitOf returns how long the service asks to be left alone, or 0.
func (e endpoint) waitOf(r reply) time.Duration {
	if wait, ok := retryafter.Parse(r.header.Get("Retry-After")); ok {
		return max(wait, minWait)
	}
	if e.wait != nil {
		return e.wait(r)
	}
	return 0
}

// description returns the service's own description of an error, in one line and without secrets.
func (e endpoint) description(r reply) string {
	if e.words == nil {
		return ""
	}
	return e.secrets.words(e.words(r))
}

// permanent returns the error of a notification that the service has refused permanently.
func permanent(err error) error { return &RefusedError{Err: broker.Permanent(err)} }

const (
	minWait     = time.Second
	defaultWait = 10 * time.Second // if the service does not say how long
	// MaxWait is the longest that a service can pause its channel. Then it is called again, and may
	// ask for more.
	MaxWait = time.Hour
)

// postponed returns the error of a service that asks to be left alone for a while; 0 means that it
// does not say how long.
func postponed(err error, wait time.Duration) error {
	if wait <= 0 {
		wait = defaultWait
	}
	until := time.Now().Add(min(max(wait, minWait), MaxWait))
	return &RefusedError{Err: broker.Postpone(until, err.Error()), Until: until}
}

// seconds converts a number of seconds, as JSON and headers have it. Negative ones and more than a
// day are cut.
func seconds(n float64) time.Duration {
	return time.Duration(min(max(n, 0), 24*60*60) * float64(time.Second))
}

// withoutSecrets returns the scheme and host of a URL.
func withoutSecrets(u *url.URL) string { return u.Scheme + "://" + u.Host }
