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

// stampMark occurs in each event once, before the 19 digits of the nanosecond
// at which it was handed over; so it also counts the events in what arrives.
var stampMark = []byte(`"reason":"ns=`)

const (
	stampDigits = 19
	stampTime   = "2006-01-02T15:04:05.000000000Z"
)

// What the stamper puts into a template, to find it in the encoded bytes: no
// other text there is like it.
const (
	idHole    = "5a1e0001-0000-7000-8000-000000000001"
	timeHole  = "1999-09-09T09:09:09.999999999Z"
	matchHole = "stamp-match-hole"
	nanosHole = "7777777777777777777"
	seqHole   = "8888888888888888888"
)

// A stamper makes one event after another of a template.
type stamper struct {
	parts []part
	size  int // of an event, about
}

// A part is some bytes of the template and the hole behind them, "" at the end.
type part struct {
	text []byte
	hole string
}

// newStamper cuts up the template, an event as [event.Decode] takes it.
func newStamper(template []byte) (*stamper, error) {
	e, err := event.Decode(template)
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	if e.Data.Match == nil {
		return nil, errors.New("template: an event without a match")
	}
	e.ID, e.Subject, e.Data.Match.ID, e.Data.Reason = idHole, matchHole, matchHole, "ns="+nanosHole
	e.Data.Seq, _ = strconv.ParseInt(seqHole, 10, 64)
	e.Time, _ = time.Parse(stampTime, timeHole)
	m, err := broker.NewMessage(e)
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	s := &stamper{size: len(m.Body) + 16}
	rest := m.Body
	for {
		first, at := "", len(rest)
		for _, h := range []string{idHole, timeHole, matchHole, nanosHole, seqHole} {
			if i := bytes.Index(rest, []byte(h)); i >= 0 && i < at {
				first, at = h, i
			}
		}
		s.parts = append(s.parts, part{rest[:at], first})
		if first == "" {
			return s, nil
		}
		rest = rest[at+len(first):]
	}
}

// event is event n of the run, number seq of its match, stamped with now.
func (s *stamper) event(n int64, match string, seq int64, now time.Time) []byte {
	b := make([]byte, 0, s.size)
	for _, p := range s.parts {
		b = append(b, p.text...)
		switch p.hole {
		case idHole:
			b = fmt.Appendf(b, "5a1e0000-0000-7000-8000-%012x", n)
		case timeHole:
			b = now.UTC().AppendFormat(b, stampTime)
		case matchHole:
			b = append(b, match...)
		case nanosHole:
			b = strconv.AppendInt(b, now.UnixNano(), 10)
		case seqHole:
			b = strconv.AppendInt(b, seq, 10)
		}
	}
	return b
}
