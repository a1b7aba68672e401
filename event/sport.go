package event

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Sport is the first word of a routing key.
type Sport string

// The sports that matchwire supports.
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

// Sports returns the sports that matchwire supports.
func Sports() []Sport {
	return []Sport{Soccer, Basketball, AmericanFootball, IceHockey, Baseball, Cricket, Tennis, Rugby}
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

// Periods returns all periods of a match in the order of play, including breaks and overtime. It
// returns nil for an unknown sport.
func (s Sport) Periods() []Period {
	switch s {
	case Soccer, Rugby:
		return []Period{FirstHalf, HalfTime, SecondHalf, ExtraFirst, ExtraHalfTime, ExtraSecond, ShootOut}
	case IceHockey:
		return []Period{"p1", "p2", "p3", "ot1", "ot2", "ot3", "ot4", "ot5", ShootOut}
	case Basketball, AmericanFootball:
		return []Period{"q1", "q2", "q3", "q4", "ot1", "ot2", "ot3", "ot4", "ot5"}
	case Baseball:
		return numbered("i", 25)
	case Cricket:
		return numbered("inn", 8) // two of each side, and super overs
	case Tennis:
		return numbered("s", 5)
	default:
		return nil
	}
}

// numbered returns n periods: prefix1, prefix2 and so on.
func numbered(prefix string, n int) []Period {
	var all []Period
	for i := range n {
		all = append(all, Period(prefix+strconv.Itoa(i+1)))
	}
	return all
}

// Regulation returns the last period of regulation time, which is part of every completed match. It
// returns "" if the sport has no such period.
func (s Sport) Regulation() Period {
	switch s {
	case Soccer, Rugby:
		return SecondHalf
	case IceHockey:
		return "p3"
	case Basketball, AmericanFootball:
		return "q4"
	default:
		return ""
	}
}

// IsBreak reports whether p is a break.
func (p Period) IsBreak() bool { return p == HalfTime || p == ExtraHalfTime }

// Index returns the index of p in s.Periods, or -1.
func (s Sport) Index(p Period) int { return slices.Index(s.Periods(), p) }

// CountsGoals reports whether the score is the number of goals.
func (s Sport) CountsGoals() bool { return s == Soccer || s == IceHockey }

// PeriodLength returns the length of a period in the sport's best-known league. It returns 0 for
// sports whose clock does not count down.
func (s Sport) PeriodLength(p Period) time.Duration {
	overtime := strings.HasPrefix(string(p), "ot")
	switch {
	case s == IceHockey && !overtime:
		return 20 * time.Minute
	case s == Basketball && !overtime:
		return 12 * time.Minute
	case s == AmericanFootball && !overtime:
		return 15 * time.Minute
	case s == AmericanFootball:
		return 10 * time.Minute
	case s == IceHockey || s == Basketball:
		return 5 * time.Minute
	}
	return 0
}

// PlayedBefore returns the period before p if p is a break, otherwise p itself.
func (s Sport) PlayedBefore(p Period) Period {
	if i := s.Index(p); p.IsBreak() && i > 0 {
		return s.Periods()[i-1]
	}
	return p
}
