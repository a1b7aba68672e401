package event

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// A TID is a transaction ID, the ID of a job. Each job has its own TID, and all messages that the job
// causes have this TID. The text of a TID is a UUID. The 32 hex digits of the UUID are also the job's
// W3C trace ID. The zero TID means that there is no TID.
type TID [16]byte

// NewTID returns the TID of a new job. It is a UUIDv7, so TIDs sort by time.
func NewTID() TID { return TID(uuid.Must(uuid.NewV7())) }

// ParseTID parses a TID, written as a UUID or as 32 hex digits. The zero TID is an error.
func ParseTID(s string) (TID, error) {
	u, err := uuid.Parse(s)
	if err != nil || (len(s) != 36 && len(s) != 32) {
		return TID{}, fmt.Errorf("tid %q: want a UUID or 32 hex digits", s)
	}
	if u == uuid.Nil {
		return TID{}, fmt.Errorf("tid %q: must not be zero", s)
	}
	return TID(u), nil
}

// String returns the TID as a UUID.
func (t TID) String() string { return uuid.UUID(t).String() }

// IsZero reports whether t is the zero TID.
func (t TID) IsZero() bool { return t == TID{} }

// A SpanID identifies one step of a job, as in W3C trace context. Its text is 16 hex digits. The
// zero SpanID means that there is no span ID.
type SpanID [8]byte

// NewSpanID returns a random span ID.
func NewSpanID() SpanID { return spanID(uuid.New()) }

// spanID returns the second half of a UUID.
func spanID(u uuid.UUID) SpanID { return SpanID(u[8:]) }

// Span returns the ID of the step that created the message with the given ID. The result is the
// same in every process.
func (t TID) Span(id string) SpanID { return spanID(uuid.NewSHA1(uuid.UUID(t), []byte(id))) }

// String returns the span ID as hex digits, or "" if it is zero.
func (s SpanID) String() string {
	if s == (SpanID{}) {
		return ""
	}
	return hex.EncodeToString(s[:])
}

// MarshalText returns the text of String.
func (s SpanID) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText parses the text of String.
func (s *SpanID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*s = SpanID{}
		return nil
	}
	if n, err := hex.Decode(s[:], b); err != nil || n != len(s) || len(b) != 2*len(s) {
		return fmt.Errorf("span %q: want 16 hex digits", b)
	}
	return nil
}

// Traceparent returns the W3C traceparent header for the message with the given ID.
func (t TID) Traceparent(id string) string {
	span := t.Span(id)
	return "00-" + hex.EncodeToString(t[:]) + "-" + hex.EncodeToString(span[:]) + "-01"
}

// ParseTraceparent parses a W3C traceparent header. It returns an error if an ID is zero.
func ParseTraceparent(s string) (TID, SpanID, error) {
	parts := strings.Split(s, "-")
	var span SpanID
	if len(parts) < 4 || len(parts[0]) != 2 || parts[0] == "ff" || len(parts[1]) != 32 || len(parts[2]) != 16 {
		return TID{}, span, fmt.Errorf("traceparent %q: want 00-<32 hex digits>-<16 hex digits>-<2 hex digits>", s)
	}
	t, err := ParseTID(parts[1])
	if err == nil {
		err = span.UnmarshalText([]byte(parts[2]))
	}
	if err != nil || span == (SpanID{}) {
		return TID{}, span, fmt.Errorf("traceparent %q: want 32 and 16 hex digits as its IDs, neither of them all zeros", s)
	}
	return t, span, nil
}

// MarshalText returns the TID as a UUID.
func (t TID) MarshalText() ([]byte, error) { return uuid.UUID(t).MarshalText() }

// UnmarshalText parses a TID as [ParseTID] does.
func (t *TID) UnmarshalText(b []byte) error {
	p, err := ParseTID(string(b))
	*t = p
	return err
}

type tidKey struct{}

// WithTID returns a copy of ctx that carries the TID t.
func WithTID(ctx context.Context, t TID) context.Context {
	return context.WithValue(ctx, tidKey{}, t)
}

// TIDFrom returns the TID that ctx carries, or a new TID if ctx carries none.
func TIDFrom(ctx context.Context) TID {
	if t, ok := ctx.Value(tidKey{}).(TID); ok && !t.IsZero() {
		return t
	}
	return NewTID()
}
