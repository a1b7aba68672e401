package event

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Sport is the first word of a routing key.
type Sport string

// The sports with a vocabulary of their own.
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

// Sports lists the sports with a vocabulary of their own.
func Sports() []Sport {
	return []Sport{Soccer, Basketball, AmericanFootball, IceHockey, Baseball, Cricket, Tennis, Rugby}
}

// A Period is a part of a match: "1h", "ht", "2h" in soccer, "p1" to "p3" and
// "ot1" in ice hockey, "q1" to "q4" in basketball. "so" is a shoot-out.
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

// Periods lists the periods of a match in the order they are played, breaks
// and overtime included, as many of them as a match can have.
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
		return numbered("inn", 4)
	case Tennis:
		return numbered("s", 5)
	default:
		return nil
	}
}

func numbered(word string, n int) []Period {
	var all []Period
	for i := range n {
		all = append(all, Period(word+strconv.Itoa(i+1)))
	}
	return all
}

// Regulation is the last period that every finished match of the sport has
// played, or "" where there is none.
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

// IsBreak reports whether nothing is played in p.
func (p Period) IsBreak() bool { return p == HalfTime || p == ExtraHalfTime }

// Index is p's place among the sport's periods, or -1.
func (s Sport) Index(p Period) int { return slices.Index(s.Periods(), p) }

// CountsGoals reports whether the score is the number of goals.
func (s Sport) CountsGoals() bool { return s == Soccer || s == IceHockey }

// PeriodLength is how long a period is played in the sport's best-known league,
// on a clock that stops; 0 where it has none.
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

// PlayedBefore is the period that a break follows, and p itself if it is none.
func (s Sport) PlayedBefore(p Period) Period {
	if i := s.Index(p); p.IsBreak() && i > 0 {
		return s.Periods()[i-1]
	}
	return p
}
