package event

import (
	"context"
	"encoding/hex"
	"fmt"

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

// Traceparent is the W3C trace context header for the message with this id:
// the TID is the trace, and the span is derived from both.
func (t TID) Traceparent(id string) string {
	span := uuid.NewSHA1(uuid.UUID(t), []byte(id))
	return "00-" + hex.EncodeToString(t[:]) + "-" + hex.EncodeToString(span[:8]) + "-01"
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
