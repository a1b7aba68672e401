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

// A failed request is repeated after 5 seconds, then after longer waits up to 30 seconds, for one
// minute in all, as OpenTelemetry's own exporters do.
const (
	firstRetry   = 5 * time.Second
	longestRetry = 30 * time.Second
	retryFor     = time.Minute
)

// retried are the statuses after which the OTLP specification allows a retry.
var retried = []int{
	http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// maxAnswer is how much of a collector's answer is read.
const maxAnswer = 64 << 10

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
			// The headers may hold a key, which another server must not get.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		retry: func() *backoff.ExponentialBackOff {
			b := backoff.NewExponentialBackOff()
			b.InitialInterval, b.MaxInterval = firstRetry, longestRetry
			return b
		},
	}
}

// post sends the encoded spans. It retries a request that the collector did not answer, or answered
// with 429, 502, 503 or 504, until ctx ends.
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

// try sends one request. An error that must not be retried is a [backoff.PermanentError].
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
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // the status decides
	switch s := resp.StatusCode; {
	case s < 300:
		if resp.Header.Get("Content-Type") != "application/x-protobuf" {
			return nil
		}
		return backoff.Permanent(partialSuccess(answer))
	case slices.Contains(retried, s):
		err = fmt.Errorf("the collector answers %s", resp.Status)
		if wait, ok := retryafter.Parse(resp.Header.Get("Retry-After")); ok {
			return fmt.Errorf("%w: %w", err, &backoff.RetryAfterError{Duration: wait})
		}
		return err
	default:
		const shown = 200
		text := strings.TrimSpace(strings.ToValidUTF8(string(answer[:min(len(answer), shown)]), "�"))
		return backoff.Permanent(fmt.Errorf("the collector answers %s: %s", resp.Status, cmp.Or(text, "no text")))
	}
}

// A partialError is the answer of a collector that rejected some of the spans.
type partialError struct {
	rejected int64
	text     string
}

func (e *partialError) Error() string {
	return fmt.Sprintf("the collector rejected %d spans: %s", e.rejected, cmp.Or(e.text, "no reason given"))
}

// partialSuccess decodes an ExportTraceServiceResponse. It returns a partialError if the collector
// rejected spans or sent a warning. The generated type is not used, as its package imports gRPC.
func partialSuccess(answer []byte) error {
	var partial partialError
	err := fields(answer, func(n protowire.Number, value []byte, _ uint64) error {
		if n != 1 { // partial_success
			return nil
		}
		return fields(value, func(n protowire.Number, value []byte, number uint64) error {
			switch n {
			case 1: // rejected_spans
				partial.rejected = int64(number)
			case 2: // error_message
				partial.text = string(value)
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("the collector's answer: %w", err)
	}
	if partial == (partialError{}) {
		return nil
	}
	return &partial
}

// fields calls f for each field of a protobuf message, with the bytes or the number that it holds.
func fields(message []byte, f func(n protowire.Number, value []byte, number uint64) error) error {
	for len(message) > 0 {
		n, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return protowire.ParseError(size)
		}
		message = message[size:]
		var value []byte
		var number uint64
		switch kind {
		case protowire.BytesType:
			value, size = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			number, size = protowire.ConsumeVarint(message)
		default:
			size = protowire.ConsumeFieldValue(n, kind, message)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		if err := f(n, value, number); err != nil {
			return err
		}
		message = message[size:]
	}
	return nil
}
