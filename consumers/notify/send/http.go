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
	"github.com/matchwire/matchwire/internal/netguard"
	"github.com/matchwire/matchwire/internal/retryafter"
)

// An endpoint calls a service over HTTP. Its function fields adapt it to the replies of the service.
type endpoint struct {
	name    string // identifies the service in errors; not secret
	client  *http.Client
	secrets secrets // redacted in the service's descriptions of errors
	// failed, if not nil, returns an error if a 2xx reply means that the service did not accept
	// the notification.
	failed func(reply) error
	// wait, if not nil, returns how long to wait after a reply without a Retry-After header. It
	// returns 0 if the reply does not contain a time.
	wait func(reply) time.Duration
	// cause, if not nil, is called for a reply other than 2xx. If cause returns an error, the error
	// of the reply wraps that error.
	cause func(reply) error
	// errorText, if not nil, returns the service's own description of an error.
	errorText func(reply) string
}

// endpoint returns the endpoint of a service. Errors identify the service by kind, and by the
// scheme and host of u. hidden holds the secrets that u does not contain.
func (e env) endpoint(kind string, u *url.URL, hidden ...string) endpoint {
	return endpoint{name: kind + " " + withoutSecrets(u), client: e.client(configured), secrets: newSecrets(u, hidden...)}
}

// A reply is a service's response.
type reply struct {
	status int
	header http.Header
	body   []byte // at most maxReply bytes
}

// maxReply is the maximum number of bytes that are read from a response body.
const maxReply = 64 << 10

// decode decodes the body as JSON. It ignores errors: malformed JSON leaves v unchanged.
func (r reply) decode(v any) { _ = json.Unmarshal(r.body, v) }

// postJSON sends v as JSON in a POST request.
func (e endpoint) postJSON(ctx context.Context, u string, v any, header http.Header) error {
	return e.sendJSON(ctx, http.MethodPost, u, v, header)
}

// sendJSON sends v as JSON.
func (e endpoint) sendJSON(ctx context.Context, method, u string, v any, header http.Header) error {
	body, err := json.Marshal(v)
	if err != nil {
		return broker.Permanent(err)
	}
	return e.call(ctx, method, u, body, header, "application/json")
}

// call sends a request. It returns nil if the service accepts the request, and otherwise one of the
// errors that the package comment describes.
func (e endpoint) call(
	ctx context.Context, method, u string, body []byte, header http.Header, contentType string,
) error {
	req, err := http.NewRequestWithContext(ctx, method, u, bytes.NewReader(body))
	if err != nil {
		return broker.Permanent(fmt.Errorf("%s: invalid URL", e.name))
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

// result returns nil if the service accepted the request, and otherwise the classified error. If err
// is not nil, the request got no reply, and resp is not used. result closes the body of resp.
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

// noReply returns the error of a call without a reply. If there was no connection, the error is a
// [RefusedError]. Otherwise the notification may have been delivered.
func (e endpoint) noReply(err error) error {
	var withURL *url.Error // its text contains the URL, which may be secret
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	err = fmt.Errorf("%s: %w", e.name, err)
	var dial *net.OpError
	var refused *netguard.RefusedError
	if errors.As(err, &dial) && dial.Op == "dial" || errors.As(err, &refused) {
		return &RefusedError{Err: err}
	}
	return err
}

// classify wraps err, the error of a reply other than 2xx. The result shows whether and when to
// retry.
func (e endpoint) classify(r reply, err error) error {
	if text := e.description(r); text != "" {
		err = fmt.Errorf("%w (%s)", err, text)
	}
	if e.cause != nil {
		if cause := e.cause(r); cause != nil {
			err = fmt.Errorf("%w: %w", err, cause)
		}
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

// waitOf returns the pause that the service requests, or 0. A pause from a Retry-After header is at
// least minWait.
func (e endpoint) waitOf(r reply) time.Duration {
	if wait, ok := retryafter.Parse(r.header.Get("Retry-After")); ok {
		return max(wait, minWait)
	}
	if e.wait != nil {
		return e.wait(r)
	}
	return 0
}

// description returns the service's own description of an error on one line, without secrets, or
// "".
func (e endpoint) description(r reply) string {
	if e.errorText == nil {
		return ""
	}
	return e.secrets.errorText(e.errorText(r))
}

// permanent returns a [RefusedError] that wraps err and [broker.ErrPermanent].
func permanent(err error) error { return &RefusedError{Err: broker.Permanent(err)} }

const (
	minWait     = time.Second      // the shortest pause
	defaultWait = 10 * time.Second // the pause if the service does not set one
	// MaxWait is the longest pause. After MaxWait, the channel calls the service again, and the
	// service can request another pause.
	MaxWait = time.Hour
)

// postponed returns the error for a reply that requests a pause. wait is the length of the pause.
// If wait is 0, the pause is defaultWait. The pause is at least minWait and at most MaxWait.
func postponed(err error, wait time.Duration) error {
	if wait <= 0 {
		wait = defaultWait
	}
	until := time.Now().Add(min(max(wait, minWait), MaxWait))
	return &RefusedError{Err: broker.Postpone(until, err.Error()), Until: until}
}

// seconds converts a number of seconds to a duration. The result is at least 0 and at most a day.
func seconds(n float64) time.Duration {
	return time.Duration(min(max(n, 0), 24*60*60) * float64(time.Second))
}

// withoutSecrets returns the scheme and host of a URL.
func withoutSecrets(u *url.URL) string { return u.Scheme + "://" + u.Host }
