package trace

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/matchwire/matchwire/internal/retryafter"
)

// Retries of a failed request, as in OpenTelemetry's own exporters. The interval between attempts
// grows from firstRetry to longestRetry. retryFor is the time limit for all attempts together.
const (
	firstRetry   = 5 * time.Second
	longestRetry = 30 * time.Second
	retryFor     = time.Minute
)

// retried lists the statuses after which the OTLP specification allows a retry.
var retried = []int{
	http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// maxResponse is the maximum number of bytes that are read from a collector's response.
const maxResponse = 64 << 10

// An otlpClient posts spans to a collector by OTLP over HTTP.
type otlpClient struct {
	config    otlpConfig
	userAgent string
	http      *http.Client
	retry     func() *backoff.ExponentialBackOff
}

func newOTLPClient(c otlpConfig, userAgent string) *otlpClient {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if c.tls != nil {
		transport.TLSClientConfig = c.tls
	}
	return &otlpClient{
		config: c, userAgent: userAgent,
		http: &http.Client{
			Transport: transport, Timeout: c.timeout,
			// The headers may contain an API key. Do not send it to the target of a redirect.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		retry: func() *backoff.ExponentialBackOff {
			b := backoff.NewExponentialBackOff()
			b.InitialInterval, b.MaxInterval = firstRetry, longestRetry
			return b
		},
	}
}

// post sends the encoded spans. It retries if there is no response, or if the response has status
// 429, 502, 503 or 504. It stops retrying when ctx ends, or if the next attempt would begin
// after retryFor.
func (c *otlpClient) post(ctx context.Context, body []byte) error {
	if c.config.gzip {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(body)
		_ = w.Close()
		body = b.Bytes()
	}
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		last = c.try(ctx, body)
		return struct{}{}, last
	}, backoff.WithBackOff(c.retry()), backoff.WithMaxElapsedTime(retryFor))
	if err != nil && ctx.Err() != nil && last != nil {
		return fmt.Errorf("%w, and no time is left to retry", last)
	}
	return err
}

// try sends one request. If the request must not be repeated, the error is a
// [backoff.PermanentError].
func (c *otlpClient) try(ctx context.Context, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.url.String(), bytes.NewReader(body))
	if err != nil {
		return backoff.Permanent(err)
	}
	r.Header = c.config.headers.Clone()
	r.Header.Set("User-Agent", c.userAgent)
	r.Header.Set("Content-Type", "application/x-protobuf")
	if c.config.gzip {
		r.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	response, _ := io.ReadAll(io.LimitReader(resp.Body, maxResponse)) // the status is known even if this fails
	switch s := resp.StatusCode; {
	case s < 300:
		if resp.Header.Get("Content-Type") != "application/x-protobuf" {
			return nil
		}
		return backoff.Permanent(partialSuccess(response))
	case slices.Contains(retried, s):
		err = fmt.Errorf("the collector responded with %s", resp.Status)
		if wait, ok := retryafter.Parse(resp.Header.Get("Retry-After")); ok {
			return fmt.Errorf("%w: %w", err, &backoff.RetryAfterError{Duration: wait})
		}
		return err
	default:
		const shown = 200
		text := strings.TrimSpace(strings.ToValidUTF8(string(response[:min(len(response), shown)]), "�"))
		return backoff.Permanent(fmt.Errorf("the collector responded with %s: %s", resp.Status, cmp.Or(text, "empty body")))
	}
}

// A partialError reports that a collector rejected some of the spans. If rejected is 0, text is
// only a warning.
type partialError struct {
	rejected int64
	text     string
}

func (e *partialError) Error() string {
	if e.rejected == 0 {
		return "the collector accepted all spans, with a warning: " + e.text
	}
	return fmt.Sprintf("the collector rejected %d spans: %s", e.rejected, cmp.Or(e.text, "no reason given"))
}

// partialSuccess decodes an ExportTraceServiceResponse. It returns a partialError if the collector
// rejected spans or sent a warning. It does not use the generated type, whose package imports gRPC.
func partialSuccess(response []byte) error {
	var partial partialError
	err := fields(response, func(n protowire.Number, bytes []byte, _ uint64) error {
		if n != 1 { // partial_success
			return nil
		}
		return fields(bytes, func(n protowire.Number, bytes []byte, varint uint64) error {
			switch n {
			case 1: // rejected_spans
				partial.rejected = int64(varint)
			case 2: // error_message
				partial.text = string(bytes)
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("decoding the collector's response: %w", err)
	}
	if partial == (partialError{}) {
		return nil
	}
	return &partial
}

// fields calls f for each field of a protobuf message. n is the field's number. The value of
// the field is in bytes or varint, depending on the wire type. For other wire types, both are zero.
func fields(message []byte, f func(n protowire.Number, bytes []byte, varint uint64) error) error {
	for len(message) > 0 {
		n, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return protowire.ParseError(size)
		}
		message = message[size:]
		var bytes []byte
		var varint uint64
		switch kind {
		case protowire.BytesType:
			bytes, size = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			varint, size = protowire.ConsumeVarint(message)
		default:
			size = protowire.ConsumeFieldValue(n, kind, message)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		if err := f(n, bytes, varint); err != nil {
			return err
		}
		message = message[size:]
	}
	return nil
}
