package observation

import (
	"encoding/binary"
	"encoding/json"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/matchwire/matchwire/event"
)

// Digest returns a hash of the facts in the observation. The hash does not cover LeagueKey, NoRows,
// Absent, Lists, Shared or PageID. Of incidents, it does not cover Path, List, Points or
// PeriodGuessed. Of line-ups, it does not cover Path. Saved states contain digests, so the
// digest of an observation must not change between versions.
func (o *Observation) Digest() uint64 {
	var buffer [8 << 10]byte // on the stack; append allocates if the observation is longer
	m := &o.Match
	b := appendTexts(buffer[:0], string(o.Sport), o.League, m.ID, m.Home, m.Away, string(m.Status), string(m.Period))
	b = appendNumbers(b, int(m.Start.Unix()))
	b = appendClock(b, &m.Clock)
	b = appendScore(b, o.Score)
	b = appendScore(b, o.Shootout)
	if o.LineScore != nil {
		b = appendTexts(b, o.LineScore.Home.String(), o.LineScore.Away.String())
	}
	if o.Winner != "" {
		b = appendTexts(b, string(o.Winner))
	}
	if m.Situation != nil {
		text, _ := json.Marshal(m.Situation) // cannot fail
		b = append(b, text...)
	}
	for i := range o.Incidents {
		in := &o.Incidents[i]
		b = appendTexts(b, string(in.Kind), in.Detail, string(in.Side), in.Player, in.Off, in.Assist)
		b = appendClock(b, &in.Clock)
		b = appendScore(b, in.Score)
	}
	for i := range o.Lineups {
		l := &o.Lineups[i]
		b = appendTexts(b, string(l.Side), l.Formation, l.Coach)
		for _, p := range l.Players {
			b = appendTexts(b, p.Name, p.Number, p.Position, strconv.FormatBool(p.Substitute))
		}
	}
	return xxhash.Sum64(b)
}

// appendTexts appends each text, followed by a zero byte.
func appendTexts(b []byte, texts ...string) []byte {
	for _, s := range texts {
		b = append(append(b, s...), 0)
	}
	return b
}

// appendNumbers appends eight bytes for each number n: the value n+1 in little-endian order.
func appendNumbers(b []byte, numbers ...int) []byte {
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint64(b, uint64(n)+1)
	}
	return b
}

func appendClock(b []byte, c *event.Clock) []byte {
	b = appendNumbers(appendTexts(b, string(c.Period)), c.Minute, c.Stoppage, c.Elapsed, c.Balls)
	if c.Half != "" {
		b = appendTexts(b, string(c.Half))
	}
	return b
}

func appendScore(b []byte, s *event.Score) []byte {
	if s == nil {
		return appendNumbers(b, -1)
	}
	return appendNumbers(b, s.Home, s.Away)
}
