package main

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
)

func TestStamper(t *testing.T) {
	template, err := sample()
	if err != nil {
		t.Fatal(err)
	}
	s, err := newStamper(template)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
	b := s.event(7, "m42", 3, now)
	e, err := event.Decode(b)
	if err != nil {
		t.Fatalf("decoding %s: %v", b, err)
	}
	if e.Subject != "m42" || e.Data.Match.ID != "m42" || e.Data.Seq != 3 || e.Data.Epoch != epoch || !e.Time.Equal(now) {
		t.Errorf("stamped event %+v, want event 3 of m42 at %v", e, now)
	}
	if n := bytes.Count(b, stampMark); n != 1 {
		t.Errorf("%d stamps in %s, want 1", n, b)
	}
	_, rest, _ := bytes.Cut(b, stampMark)
	if got := digits(rest[:stampDigits]); got != now.UnixNano() {
		t.Errorf("stamp %d, want %d", got, now.UnixNano())
	}
	if next, _ := event.Decode(s.event(8, "m42", 4, now)); next.ID == e.ID {
		t.Errorf("two events have the ID %s, want different IDs", e.ID)
	}
	if len(b) < 1000 || len(b) > 1300 {
		t.Errorf("the event has %d bytes, want 1,000 to 1,300", len(b))
	}
}

func TestCutFrame(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65_535, 65_536} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			want := bytes.Repeat([]byte("x"), n)
			b := append(textHeader(n), want...)
			for end := range min(len(b), 200) {
				if _, _, ok, err := cutFrame(b[:end]); ok || err != nil {
					t.Fatalf("cutFrame of %d bytes: ok %v, error %v, want false and no error", end, ok, err)
				}
			}
			f, rest, ok, err := cutFrame(append(b, 0x8a))
			if !ok || err != nil || f.op != opText || !bytes.Equal(f.payload, want) || len(rest) != 1 {
				t.Errorf("op %d, payload of %d bytes, rest of %d bytes, ok %v, error %v; "+
					"want op %d, %d bytes, 1 byte, true and no error",
					f.op, len(f.payload), len(rest), ok, err, opText, n)
			}
		})
	}
}

func TestHistogram(t *testing.T) {
	for n := int64(1); n < 1<<60; n = n*5/4 + 1 {
		if top := bucketTop(bucketOf(n)); top < n || float64(top-n) > 0.01*float64(n) {
			t.Errorf("the bucket of %d ends at %d, want between %d and 1%% more", n, top, n)
		}
	}
	var h histogram
	for i := range 1000 {
		h.add(time.Duration(i + 1))
	}
	if p50, p99 := h.quantile(0.5), h.quantile(0.99); p50 < 500 || p50 > 505 || p99 < 990 || p99 > 1000 {
		t.Errorf("p50 %d, p99 %d, want 500 to 505 and 990 to 1000", p50, p99)
	}
}
