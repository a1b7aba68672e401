package event

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Sport is the first word of a routing key.
type Sport string

// The sports that matchwire knows. A file for each sport contains its rules.
const (
	Soccer           Sport = "soccer"
	Basketball       Sport = "basketball"
	AmericanFootball Sport = "american_football"
	IceHockey        Sport = "ice_hockey"
	Baseball         Sport = "baseball"
	Cricket          Sport = "cricket"
	Tennis           Sport = "tennis"
	Rugby            Sport = "rugby"
)

// Rules are the rules of a sport that determine what its pages can show.
type Rules struct {
	Periods []Period // all periods and breaks, in the order of play

	// LastRegulationPeriod is the last period of regulation time, which is part of every completed match.
	// It is "" if the sport has no such period.
	LastRegulationPeriod Period

	// OvertimeAfter is the last period before extra time, overtime or extra innings. Unlike
	// LastRegulationPeriod, it need not be part of every match.
	OvertimeAfter Period

	// Length and Overtime are the lengths of a period and of an overtime period in the best-known
	// league. They are 0 if the clock of the sport does not count down.
	Length, Overtime time.Duration

	// Half and ExtraHalf are the lengths of a half, and of a half of extra time, in minutes. They are 0
	// if the clock of the sport does not count minutes from kick-off.
	Half, ExtraHalf int

	// LeastPeriod is the last period that every match has, unless rain or a mercy rule ends the
	// match. LeastLength is the minimum length of this period in any competition.
	LeastPeriod Period
	LeastLength time.Duration

	// UsualLengths are the lengths of a period in all usual competitions, in ascending order. They
	// are empty for soccer, whose halves always have 45 minutes, for sports without a match clock, and
	// for sports that Define has added.
	UsualLengths []time.Duration

	Kinds  []Kind         // kinds of incidents that a page can show, without those that every sport has
	Points map[Kind][]int // by kind: the points, goals or runs that one incident can add to the score

	// Misses are the details of attempts to score that add no points, such as a missed conversion.
	// The row of such an attempt needs no score.
	Misses []string

	Situation []Member // the members of the situation that a page can show

	CountsGoals  bool // the score is the number of goals
	ShootoutGoal bool // the winner of a shoot-out gets one goal
	NoDraw       bool // no match ends with a level score
	RareDraw     bool // a match ends with a level score only if it cannot go on, for example because of rain
	CountsSets   bool // the score counts the sets that are over, so the end of a set changes it
	SetScore     bool // the score counts the games of the set, and starts again with each set
	ShortPeriods bool // periods are short, so a player rarely scores twice in one
	InningsScore bool // the score counts the runs of an innings, and starts again with each innings

	Names map[string]string // names of kinds and periods in messages, for a sport that Define has added

	// Marks are words for incidents that no other sport uses, such as "touchdown". They include
	// words that are not kinds. See [MarkOf].
	Marks []string
	// LeagueWords are words in the name of a league that identify the sport, such as "nba".
	LeagueWords []string
	NoClock     bool // no page shows a time of play

	Bounds Bounds
}

// Bounds are the highest numbers that a page of a sport can show. A higher number is not a fact of
// the match, but probably a year, an ID or a minute.
type Bounds struct {
	Score    int // points of one side
	Listed   int // points of one side if the page lists each of them; at least Score
	Shootout int // scored kicks of one side in a shoot-out
	Rows     int // incidents of one kind and side, except for those that score
	Leap     int // points of both sides in ten minutes; 0 if the score can change by any number

	// The next three bounds apply to the side with fewer points. A bound of 0 means that the sport
	// has no such bound. A page with a higher number is about a different sport.

	Both  int // points
	Early int // points shortly after the start of a match
	Pace  int // points in ten minutes of play, in addition to Early

	// Never is a number of points that no side has during a match, because no incidents add up to it.
	// It is 0 if the sport has no such number.
	Never int
}

// rules contains the rules of each sport that matchwire knows.
var rules = map[Sport]*Rules{
	Soccer:           &soccer,
	Basketball:       &basketball,
	AmericanFootball: &americanFootball,
	IceHockey:        &iceHockey,
	Baseball:         &baseball,
	Cricket:          &cricket,
	Tennis:           &tennis,
	Rugby:            &rugby,
}

// KnownSports returns the sports that matchwire knows without a definition.
func KnownSports() []Sport {
	return []Sport{Soccer, Basketball, AmericanFootball, IceHockey, Baseball, Cricket, Tennis, Rugby}
}

// Sports returns the known sports, and then those that [Define] has added.
func Sports() []Sport { return append(KnownSports(), definedSports()...) }

// Rules returns the rules of a sport. The caller must not modify them. For an unknown sport, they are the
// zero Rules.
func (s Sport) Rules() *Rules {
	if r, ok := rules[s]; ok {
		return r
	}
	if d, ok := defined.Load(s); ok {
		return d.(definedSport).rules
	}
	return &Rules{}
}

// Index returns the index of p in the periods of the sport, or -1.
func (s Sport) Index(p Period) int { return slices.Index(s.Rules().Periods, p) }

// Parts returns the periods that a [LineScore] has, in the order of play: those that are not breaks.
func (r *Rules) Parts() []Period {
	return slices.DeleteFunc(slices.Clone(r.Periods), Period.IsBreak)
}

// PlayedBefore returns the period before p if p is a break, otherwise p itself.
func (s Sport) PlayedBefore(p Period) Period {
	if i := s.Index(p); p.IsBreak() && i > 0 {
		return s.Rules().Periods[i-1]
	}
	return p
}

// PeriodLength returns the length of a period in the sport's best-known league. It returns 0 for
// sports whose clock does not count down.
func (s Sport) PeriodLength(p Period) time.Duration {
	if strings.HasPrefix(string(p), "ot") {
		return s.Rules().Overtime
	}
	return s.Rules().Length
}

// MarkOf returns the sport whose pages use a word for incidents, if no other sport uses the word.
// Case, spaces and hyphens make no difference. MarkOf returns "" for any other word.
func MarkOf(word string) Sport {
	word = Slug(word)
	for _, s := range KnownSports() {
		if slices.Contains(s.Rules().Marks, word) {
			return s
		}
	}
	return ""
}

// Title returns the name of the sport as in a sentence, such as "ice hockey".
func (s Sport) Title() string {
	if s == AmericanFootball {
		return "American football"
	}
	return strings.ReplaceAll(string(s), "_", " ")
}

// Scores reports whether an incident of this kind changes the score, unless it is a miss.
func (s Sport) Scores(k Kind) bool { return len(s.Rules().Points[k]) > 0 }

// Misses reports whether an incident of this kind and detail is an attempt to score that failed.
func (s Sport) Misses(k Kind, detail string) bool {
	return s.Scores(k) && slices.Contains(s.Rules().Misses, Fold(detail))
}

// A Period is a part of a match: "1h", "ht" and "2h" in soccer, "p1" to "p3" and "ot1" in ice
// hockey, "q1" to "q4" in basketball. "so" is a shoot-out.
type Period string

// Periods of soccer and rugby. HalfTime and ExtraHalfTime are breaks.
const (
	FirstHalf     Period = "1h"
	HalfTime      Period = "ht"
	SecondHalf    Period = "2h"
	ExtraFirst    Period = "et1"
	ExtraHalfTime Period = "et_ht"
	ExtraSecond   Period = "et2"
	ShootOut      Period = "so"
)

// IsBreak reports whether p is a break.
func (p Period) IsBreak() bool { return p == HalfTime || p == ExtraHalfTime }

// numbered returns n periods: prefix1, prefix2 and so on.
func numbered(prefix string, n int) []Period {
	var all []Period
	for i := range n {
		all = append(all, Period(prefix+strconv.Itoa(i+1)))
	}
	return all
}

// minutes converts numbers of minutes to durations.
func minutes(lengths ...time.Duration) []time.Duration {
	for i := range lengths {
		lengths[i] *= time.Minute
	}
	return lengths
}
