package event

// A Winner is the side that won a match, or Draw.
type Winner string

// Draw means that a match ended without a winner. The other values are those of [Side].
const Draw Winner = "draw"

// A Decision is the way in which a match was decided.
type Decision string

// The ways in which a match is decided.
const (
	ByRegulation Decision = "regulation" // in the regular playing time
	ByExtraTime  Decision = "extra_time" // in extra time, overtime or extra innings
	ByShootout   Decision = "shootout"
	ByRetirement Decision = "retirement" // a player or team gave up
	ByWalkover   Decision = "walkover"   // awarded, without any play
	ByAward      Decision = "award"      // awarded after play, or it is unknown whether the match was played
)

// Decisions returns every way in which a match is decided.
func Decisions() []Decision {
	return []Decision{ByRegulation, ByExtraTime, ByShootout, ByRetirement, ByWalkover, ByAward}
}
