// Package season generates pages from the facts of real matches, as polls would have fetched them
// during the matches. Tests compare the facts with the events that the parser produces. All random
// choices depend on a seed.
package season

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A Match holds the facts of one match. It is one line of a JSON Lines file.
type Match struct {
	ID          string             `json:"id"`
	Competition string             `json:"competition"`
	Kickoff     time.Time          `json:"kickoff"`
	Home        string             `json:"home"`
	Away        string             `json:"away"`
	Periods     map[string]float64 `json:"periods"` // length in seconds of "1h", "2h", "et1" and "et2"
	Incidents   []struct {
		Period string  `json:"period"`
		Second float64 `json:"second"` // seconds since the start of the period
		Kind   string  `json:"kind"`   // "goal", "yellow_card", "red_card"
		Detail string  `json:"detail"`
		Side   string  `json:"side"`
		Player string  `json:"player"`
	} `json:"incidents"`
	Substitutions []struct {
		Minute int    `json:"minute"` // minute of the match
		Side   string `json:"side"`
		On     string `json:"on"`
		Off    string `json:"off"`
	} `json:"substitutions"`
	Final    Score `json:"final"`
	Shootout *struct {
		Kicks []struct {
			Side   string `json:"side"`
			Player string `json:"player"`
			Scored bool   `json:"scored"`
		} `json:"kicks"`
		Score Score `json:"score"`
	} `json:"shootout"`
}

// A Score is the number of goals of each side.
type Score struct{ Home, Away int }

// Load loads the matches from all *.jsonl files in a folder.
func Load(dir string) ([]Match, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	var all []Match
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for n := 1; lines.Scan(); n++ {
			var m Match
			if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
				f.Close()
				return nil, fmt.Errorf("%s:%d: %w", name, n, err)
			}
			all = append(all, m)
		}
		f.Close()
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return all, nil
}

// A Fact is an incident with the attributes that the last page shows.
type Fact struct {
	Kind, Detail, Side, Player, Off string
	Period                          string
	Minute, Stoppage                int     // 0 for a kick in a shoot-out
	At                              float64 // seconds since kick-off, breaks included
}

// breaks is the length of the break before each period, in seconds. The first period has none.
var breaks = map[string]float64{"2h": 900, "et1": 300, "et2": 120, "so": 300}

// order lists the periods in the order of play, without the shoot-out.
var order = []string{"1h", "2h", "et1", "et2"}

// startMinute and endMinute are the minutes at which each period begins and ends, without stoppage
// time.
var (
	startMinute = map[string]int{"1h": 0, "2h": 45, "et1": 90, "et2": 105}
	endMinute   = map[string]int{"1h": 45, "2h": 90, "et1": 105, "et2": 120}
)

// A span is the time in which a period was played, in seconds since kick-off.
type span struct {
	period     string
	begin, end float64
}

// spans returns the spans of all periods that were played.
func (m *Match) spans() []span {
	var all []span
	at := 0.0
	for _, p := range order {
		length, ok := m.Periods[p]
		if !ok {
			continue
		}
		at += breaks[p]
		all = append(all, span{p, at, at + length})
		at += length
	}
	if m.Shootout != nil {
		at += breaks["so"]
		all = append(all, span{"so", at, at + kickEvery*float64(len(m.Shootout.Kicks)+1)})
	}
	return all
}

// kickEvery is the time between two kicks in a shoot-out, in seconds.
const kickEvery = 50

// Facts returns all incidents, substitutions and kicks in a shoot-out, in the order of play.
func (m *Match) Facts() []Fact {
	begin := map[string]float64{}
	for _, s := range m.spans() {
		begin[s.period] = s.begin
	}
	var all []Fact
	for _, in := range m.Incidents {
		f := Fact{Kind: in.Kind, Detail: in.Detail, Side: in.Side, Player: in.Player,
			Period: in.Period, At: begin[in.Period] + in.Second}
		f.Minute, f.Stoppage = minute(in.Period, in.Second)
		all = append(all, f)
	}
	for _, s := range m.Substitutions {
		p := "et2"
		for _, q := range order {
			if _, played := m.Periods[q]; played && s.Minute <= endMinute[q] {
				p = q
				break
			} else if played {
				p = q // in the stoppage time of the last period
			}
		}
		f := Fact{Kind: "substitution", Side: s.Side, Player: s.On, Off: s.Off, Period: p}
		second := float64(max(s.Minute-1-startMinute[p], 0))*60 + 30
		f.Minute, f.Stoppage = minute(p, second)
		f.At = begin[p] + min(second, m.Periods[p])
		all = append(all, f)
	}
	if m.Shootout != nil {
		for i, k := range m.Shootout.Kicks {
			f := Fact{Kind: "shootout_kick", Detail: "missed", Side: k.Side, Player: k.Player,
				Period: "so", At: begin["so"] + kickEvery*float64(i+1)}
			if k.Scored {
				f.Detail = "scored"
			}
			all = append(all, f)
		}
	}
	slices.SortStableFunc(all, func(a, b Fact) int { return cmp.Compare(a.At, b.At) })
	return all
}

// minute returns the minute and the stoppage time that a page shows at a second of a period.
func minute(period string, second float64) (minute, stoppage int) {
	minute = startMinute[period] + int(second)/60 + 1
	if last := endMinute[period]; minute > last {
		return last, minute - last
	}
	return minute, 0
}
