package event

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// A TID is a transaction ID: it is made when a job has no cause, and handed on
// unchanged to all that the job causes. It is written as a UUID, and its 32 hex
// digits are the W3C trace ID of the same job. The zero TID is no TID.
type TID [16]byte

// NewTID makes a TID for a job without a cause (a UUIDv7, so TIDs sort by time).
func NewTID() TID { return TID(uuid.Must(uuid.NewV7())) }

// ParseTID reads a TID that a caller brought: any 128 bits but zero, as a UUID
// or as 32 hex digits.
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

// String writes the TID as a UUID.
func (t TID) String() string { return uuid.UUID(t).String() }

// IsZero reports whether t is no TID.
func (t TID) IsZero() bool { return t == TID{} }

// A SpanID names one step of a job: 8 bytes, written as 16 hex digits, as W3C
// trace context has it. The zero SpanID is none.
type SpanID [8]byte

// NewSpanID makes a span ID at random.
func NewSpanID() SpanID { return SpanID(tail(uuid.New())) }

func tail(u uuid.UUID) []byte { return u[8:] }

// Span is the step that made the message with this ID, in every process.
func (t TID) Span(id string) SpanID { return SpanID(tail(uuid.NewSHA1(uuid.UUID(t), []byte(id)))) }

// String writes the span ID, "" if it is none.
func (s SpanID) String() string {
	if s == (SpanID{}) {
		return ""
	}
	return hex.EncodeToString(s[:])
}

// MarshalText writes the span ID.
func (s SpanID) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what String writes.
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

// Traceparent is the W3C trace context header for the message with this ID.
func (t TID) Traceparent(id string) string {
	span := t.Span(id)
	return "00-" + hex.EncodeToString(t[:]) + "-" + hex.EncodeToString(span[:]) + "-01"
}

// ParseTraceparent reads a W3C trace context header.
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
		return TID{}, span, fmt.Errorf("traceparent %q: want 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, neither of them zero", s)
	}
	return t, span, nil
}

// MarshalText writes the TID as a UUID.
func (t TID) MarshalText() ([]byte, error) { return uuid.UUID(t).MarshalText() }

// UnmarshalText reads what [ParseTID] reads.
func (t *TID) UnmarshalText(b []byte) error {
	p, err := ParseTID(string(b))
	*t = p
	return err
}

type tidKey struct{}

// WithTID returns a context whose work belongs to the transaction t.
func WithTID(ctx context.Context, t TID) context.Context {
	return context.WithValue(ctx, tidKey{}, t)
}

// TIDFrom returns the transaction that ctx works for, or a new one if it works
// for none.
func TIDFrom(ctx context.Context) TID {
	if t, ok := ctx.Value(tidKey{}).(TID); ok && !t.IsZero() {
		return t
	}
	return NewTID()
}
