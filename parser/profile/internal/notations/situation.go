package notations

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/matchwire/matchwire/event"
)

// maxBallOn is the maximum length of the text for the position of the ball, in characters.
const maxBallOn = 40

var (
	numberText = regexp.MustCompile(`(?i)^(\d+)(?:st|nd|rd|th)?$`) // 3 or 3rd
	strength   = regexp.MustCompile(`(?i)^(\d) ?(?:-|–|:|x|vs?\.?|on|-on-) ?(\d)$`)
)

// noBases contains the texts for empty bases.
var noBases = []string{"0", "none", "empty"}

// SetMember sets a member of a situation from its text on the page. It returns an error if the text
// is invalid.
func SetMember(s *event.Situation, m event.Member, text string) (err error) {
	switch m.Name {
	case "possession":
		s.Possession, err = side(text)
	case "batting":
		s.Batting, err = side(text)
	case "serving":
		s.Serving, err = side(text)
	case "power_play":
		s.PowerPlay, err = side(text)
	case "balls":
		s.Balls, err = count(m, text)
	case "strikes":
		s.Strikes, err = count(m, text)
	case "outs":
		s.Outs, err = count(m, text)
	case "bases":
		s.Bases, err = bases(m, text)
	case "down":
		s.Down, err = within(m, text)
	case "distance":
		if s.Goal = strings.EqualFold(text, "goal"); !s.Goal {
			s.Distance, err = within(m, text)
		}
	case "ball_on":
		if s.BallOn = text; utf8.RuneCountInString(text) > maxBallOn {
			s.BallOn, err = "", fmt.Errorf("%d characters: want at most %d", utf8.RuneCountInString(text), maxBallOn)
		}
	case "target":
		s.Target, err = within(m, text)
	case "required_rate":
		s.RequiredRate, err = rate(m, text)
	case "home_points":
		err = setPoints(s, m, text, func(p *event.GamePoints) *string { return &p.Home })
	case "away_points":
		err = setPoints(s, m, text, func(p *event.GamePoints) *string { return &p.Away })
	case "strength":
		s.Strength, err = players(m, text)
	}
	return err
}

// side returns the side that a text names.
func side(text string) (event.Side, error) {
	if s := event.Side(text); s == event.Home || s == event.Away {
		return s, nil
	}
	return "", fmt.Errorf("%q: want home or away: translate it with map or when", clip(text))
}

// within returns the number in a text, such as 3 or 3rd. It returns an error if the number is out
// of bounds.
func within(m event.Member, text string) (int, error) {
	found := numberText.FindStringSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("%q is not a number", clip(text))
	}
	n, err := strconv.Atoi(found[1])
	if err != nil || n < m.Least || n > m.Most {
		return 0, outside(m, found[1])
	}
	return n, nil
}

// outside returns the error for a number that is out of bounds.
func outside(m event.Member, number string) error {
	return fmt.Errorf("%s is impossible: want %d to %d", clip(number), m.Least, m.Most)
}

// count is like within, for a number that can be 0. It returns a pointer, because nil means that
// the number is unknown.
func count(m event.Member, text string) (*int, error) {
	n, err := within(m, text)
	if err != nil {
		return nil, err
	}
	return &n, nil
}

// bases returns the occupied bases in a text, such as "1 3" or "1st, 3rd". "0", "none" and "empty"
// mean no base.
func bases(m event.Member, text string) ([]int, error) {
	all := []int{}
	if slices.Contains(noBases, strings.ToLower(text)) {
		return all, nil
	}
	for _, word := range strings.FieldsFunc(text, isBetweenNumbers) {
		b, err := within(m, word)
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// rate returns the number of runs per over in a text, such as 7.25.
func rate(m event.Member, text string) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || strings.Trim(text, "0123456789.") != "":
		return 0, fmt.Errorf("%q is not a number", clip(text))
	case n < float64(m.Least) || n > float64(m.Most):
		return 0, outside(m, text)
	}
	return n, nil
}

// setPoints sets the points of one side in a tennis game: of returns the member for this side. AD,
// Adv and A mean advantage.
func setPoints(s *event.Situation, m event.Member, text string, of func(*event.GamePoints) *string) error {
	switch strings.ToLower(text) {
	case "a", "ad", "adv", "advantage":
		text = "A"
	default:
		n, err := within(m, text)
		if err != nil {
			return err
		}
		text = strconv.Itoa(n)
	}
	points := event.GamePoints{}
	if s.Points != nil {
		points = *s.Points
	}
	*of(&points) = text
	s.Points = &points
	return nil
}

// players returns the numbers of players on the ice in a text such as 5-4, 4v5 or "5 on 4". The
// larger number comes first.
func players(m event.Member, text string) (string, error) {
	found := strength.FindStringSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("%q: want the numbers of players on the ice, such as 5-4", clip(text))
	}
	a, errA := within(m, found[1])
	b, errB := within(m, found[2])
	if err := cmp.Or(errA, errB); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d-%d", max(a, b), min(a, b)), nil
}

// CheckTogether removes members that contradict each other. It completes the points of a game if the
// page shows only an advantage, and removes other incomplete points. It returns the name of a member
// that is wrong and the reason, or "" and nil if no member is wrong.
func CheckTogether(s *event.Situation) (member string, err error) {
	if s.PowerPlay != "" && s.Strength != "" && s.Strength[0] == s.Strength[2] {
		member, err = "strength", fmt.Errorf("%s, although the %s side has a power play", s.Strength, s.PowerPlay)
		s.Strength = ""
	}
	p := s.Points
	if p == nil {
		return member, err
	}
	switch {
	case p.Home == "A" && p.Away == "": // some pages show only the advantage
		s.Points = &event.GamePoints{Home: "A", Away: "40"}
	case p.Away == "A" && p.Home == "":
		s.Points = &event.GamePoints{Home: "40", Away: "A"}
	case p.Home == "" || p.Away == "":
		s.Points = nil
	case !possiblePoints(p):
		s.Points = nil
		return "points", fmt.Errorf("%s-%s is impossible in a game", p.Home, p.Away)
	}
	return member, err
}

// possiblePoints reports whether a game can have these points. Numbers other than 0, 15, 30 and 40
// are points of a tie-break.
func possiblePoints(p *event.GamePoints) bool {
	switch {
	case p.Home == "A":
		return p.Away == "40"
	case p.Away == "A":
		return p.Home == "40"
	}
	inGame := []string{"0", "15", "30", "40"}
	return slices.Contains(inGame, p.Home) && slices.Contains(inGame, p.Away) || isTieBreak(p)
}

// isTieBreak reports whether points can be points of a tie-break: if a side has more than ten
// points, the difference is at most two.
func isTieBreak(p *event.GamePoints) bool {
	a, b := number(p.Home), number(p.Away)
	return max(a, b) <= 10 || max(a, b)-min(a, b) <= 2
}

// clip shortens a text to 30 characters, for errors.
func clip(text string) string {
	const limit = 30
	if r := []rune(text); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return text
}
