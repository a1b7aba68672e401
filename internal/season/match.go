package season

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A Match holds the facts of one match. Each line of a JSON Lines file is one Match.
type Match struct {
	ID          string      `json:"id"`
	Sport       event.Sport `json:"sport"` // missing in soccer files
	Competition string      `json:"competition"`
	Kickoff     time.Time   `json:"kickoff"`
	Home        string      `json:"home"`
	Away        string      `json:"away"`
	Final       Score       `json:"final"` // excludes the goals of a shoot-out
	Line        *LineScore  `json:"line"`  // the official line score; nil if the source has none

	Shootout *Score         `json:"-"` // nil if the match had none
	Winner   event.Winner   `json:"-"` // "" if the pages do not show who won
	By       event.Decision `json:"-"` // "" if the pages do not show how the match was decided

	timeline
	sport *sport
	game  int // baseball: 1 or 2 if the teams play twice on the day, otherwise 0
}

// A LineScore holds the points of each side by period, in the order of play.
type LineScore struct{ Home, Away []int }

// A Score is the number of points of each side.
type Score struct{ Home, Away int }

// add returns the score after a side has scored more points.
func (s Score) add(side string, points int) Score {
	if side == "home" {
		s.Home += points
	} else {
		s.Away += points
	}
	return s
}

// of returns the points of a side.
func (s Score) of(side string) int {
	if side == "home" {
		return s.Home
	}
	return s.Away
}

// Load loads the matches from all *.jsonl files in a folder and its direct subfolders. If sports are given,
// it loads only matches of these sports. It skips sports that this package cannot render.
func Load(dir string, only ...event.Sport) ([]Match, error) {
	var files []string
	for _, pattern := range []string{"*.jsonl", "*/*.jsonl"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		files = append(files, names...)
	}
	var all []Match
	for _, name := range files {
		matches, err := loadFile(name, only)
		if err != nil {
			return nil, err
		}
		all = append(all, matches...)
	}
	return all, nil
}

// loadFile loads the matches from one file.
func loadFile(name string, only []event.Sport) ([]Match, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []Match
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4<<20)
	for n := 1; lines.Scan(); n++ {
		m := Match{Sport: event.Soccer}
		err := json.Unmarshal(lines.Bytes(), &m)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if m.sport = sportOf(m.Sport); m.sport == nil || len(only) > 0 && !slices.Contains(only, m.Sport) {
			continue
		}
		if err := m.sport.load(lines.Bytes(), &m); err != nil {
			return nil, fmt.Errorf("%s:%d: match %s: %w", name, n, m.ID, err)
		}
		all = append(all, m)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return all, nil
}

// team returns the name of the team of a side.
func (m *Match) team(side string) string {
	if side == "home" {
		return m.Home
	}
	return m.Away
}

// EarliestEnd returns the earliest time at which a page may show the end of the match. A page that
// shows it before that time is wrong.
func (m *Match) EarliestEnd() time.Time { return m.at(m.strayUntil) }

// at converts a number of seconds after kick-off to a time.
func (m *Match) at(seconds float64) time.Time {
	return m.Kickoff.Add(time.Duration(seconds * float64(time.Second)))
}

// leader returns the side with more points, or draw if the points are equal.
func (s Score) leader(draw event.Winner) event.Winner {
	switch {
	case s.Home > s.Away:
		return event.Winner(event.Home)
	case s.Away > s.Home:
		return event.Winner(event.Away)
	}
	return draw
}
