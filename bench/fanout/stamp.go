package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// stampMark occurs once in each event. The 19 digits after it are the time at which the event was
// sent, in Unix nanoseconds.
var stampMark = []byte(`"reason":"ns=`)

const (
	stampDigits = 19
	stampTime   = "2006-01-02T15:04:05.000000000Z"
)

// Placeholders in the encoded template. They do not occur elsewhere in the template.
const (
	idPlaceholder    = "5a1e0001-0000-7000-8000-000000000001"
	timePlaceholder  = "1999-09-09T09:09:09.999999999Z"
	matchPlaceholder = "stamp-match-hole"
	nanosPlaceholder = "7777777777777777777"
	seqPlaceholder   = "8888888888888888888"
)

// A stamper creates events from a template.
type stamper struct {
	parts []part
	size  int // approximate size of an event, in bytes
}

// A part is a piece of the template and the placeholder after it. The last part has no placeholder.
type part struct {
	text        []byte
	placeholder string
}

// newStamper splits a template, which is an encoded event, at its placeholders.
func newStamper(template []byte) (*stamper, error) {
	e, err := event.Decode(template)
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	if e.Data.Match == nil {
		return nil, errors.New("template: the event has no match")
	}
	e.ID, e.Subject, e.Data.Match.ID = idPlaceholder, matchPlaceholder, matchPlaceholder
	e.Data.Reason = "ns=" + nanosPlaceholder
	e.Data.Seq, _ = strconv.ParseInt(seqPlaceholder, 10, 64)
	e.Time, _ = time.Parse(stampTime, timePlaceholder)
	m, err := broker.NewMessage(e)
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	s := &stamper{size: len(m.Body) + 16}
	rest := m.Body
	for {
		first, at := "", len(rest)
		for _, p := range []string{idPlaceholder, timePlaceholder, matchPlaceholder, nanosPlaceholder, seqPlaceholder} {
			if i := bytes.Index(rest, []byte(p)); i >= 0 && i < at {
				first, at = p, i
			}
		}
		s.parts = append(s.parts, part{rest[:at], first})
		if first == "" {
			return s, nil
		}
		rest = rest[at+len(first):]
	}
}

// event returns the encoded event n of the run, with the given match, seq and time.
func (s *stamper) event(n int64, match string, seq int64, now time.Time) []byte {
	b := make([]byte, 0, s.size)
	for _, p := range s.parts {
		b = append(b, p.text...)
		switch p.placeholder {
		case idPlaceholder:
			b = fmt.Appendf(b, "5a1e0000-0000-7000-8000-%012x", n)
		case timePlaceholder:
			b = now.UTC().AppendFormat(b, stampTime)
		case matchPlaceholder:
			b = append(b, match...)
		case nanosPlaceholder:
			b = strconv.AppendInt(b, now.UnixNano(), 10)
		case seqPlaceholder:
			b = strconv.AppendInt(b, seq, 10)
		}
	}
	return b
}
