package reconcile

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile/internal/innings"
)

// A State is the saved state of one match. Before the first page, only Epoch is set.
type State struct {
	Epoch     string            `json:"epoch"` // a UUIDv7, generated when the state is created
	Seq       int64             `json:"seq"`   // sequence number of the latest event
	Sport     event.Sport       `json:"sport"`
	League    string            `json:"league"`
	LeagueKey string            `json:"league_key,omitempty"` // word in routing keys; "" means event.Slug of League
	Match     event.Match       `json:"match"`
	Score     *event.Score      `json:"score,omitempty"`
	Shootout  *event.Score      `json:"shootout,omitempty"`
	LineScore *event.LineScore  `json:"line_score,omitempty"` // nil unless it fits Score
	Tracked   []TrackedIncident `json:"standing"`             // in the order in which they were reported

	// Untracked is the number of events so far whose incident is not tracked, such as status_change.
	// The number makes the IDs of these events unique.
	Untracked int `json:"told,omitempty"`

	// NoRows counts consecutive pages that list no incident although earlier pages did. It is nil if
	// the latest accepted page lists an incident.
	NoRows *Hold `json:"blind,omitempty"`

	// Retractions counts retractions by series (see identity.go). The count is part of the ID of a new
	// incident, so that the ID differs from the IDs of retracted incidents.
	Retractions map[string]int `json:"taken_back,omitempty"`

	// Began is the time of the first page that showed that the match had begun. It is zero before that,
	// and in states of older versions.
	Began time.Time `json:"began,omitzero"`
	// PlayShown is the number of pages, up to playPolls, that showed play: a clock, a score or an incident.
	PlayShown int `json:"play_shown,omitempty"`
	// EndsFrom is the earliest time at which the match can be over. It follows from the periods and
	// clocks that pages showed during play. It is zero if no page showed a period.
	EndsFrom time.Time `json:"ends_from,omitzero"`
	// LongestClock is the highest clock in regulation time that pages have shown, in seconds since
	// the start of its period. All periods are at least this long. In cricket, it is the highest
	// number of balls in an innings.
	LongestClock int `json:"longest_clock,omitempty"`
	// LongestLater is, in cricket, the highest number of balls in the third or a later innings.
	LongestLater int `json:"longest_later,omitempty"`
	// Batting is, in cricket, the side whose runs or wickets rose last. It is "" if unknown.
	Batting event.Side `json:"batting,omitempty"`

	// Unwatched means that no page showed play between a stop of the match and its end.
	Unwatched bool `json:"unwatched,omitempty"`

	// SituationSite is the site that showed the situation of Match, or "" if there is none.
	SituationSite string `json:"situation_site,omitempty"`

	Kickoff *Kickoff                      `json:"kickoff,omitempty"` // nil until the kick-off time changes
	Lineups map[event.Side]*TrackedLineup `json:"lineups,omitempty"` // a TrackedLineup is never modified

	// Views holds what each site has shown, by [Provenance.Site].
	Views map[string]View `json:"views,omitempty"`

	// Seen holds the time of the last accepted page of each reader, to within 30 seconds. A reader is a
	// tracker of a site. Readers without an accepted page for [StaleAfter] are removed.
	Seen map[string]time.Time `json:"seen,omitempty"`
}

// Known reports whether any page of the match has been reconciled.
func (s *State) Known() bool { return s.Match.ID != "" }

// innings returns what earlier pages of a cricket match have shown about its innings.
func (s *State) innings() innings.Known {
	return innings.Known{Score: s.Score, LineScore: s.LineScore, Period: s.Match.Period}
}

// nothingPending reports whether another page with the same content would change nothing. If so, no
// page, end or kick-off is deferred, and no score is in doubt. The match is not stale, and no rows,
// incidents or players are missing. v is the view of the page's site.
func (s *State) nothingPending(v *View) bool {
	return v.Hold == nil && v.Doubt == nil && v.End == nil && s.NoRows == nil && s.Match.Stale == nil &&
		(s.Kickoff == nil || s.Kickoff.Return == nil) && !s.playersMissing() &&
		!slices.ContainsFunc(s.Tracked, func(tracked TrackedIncident) bool { return tracked.Missing != nil })
}

// of returns the indexes of the tracked incidents of a kind and side, in ascending order.
func (s *State) of(k event.Kind, side event.Side) []int {
	return s.where(side, func(kind event.Kind) bool { return kind == k })
}

// where returns the indexes of the tracked incidents of a side whose kind satisfies is, in ascending order.
func (s *State) where(side event.Side, is func(event.Kind) bool) []int {
	var at []int
	for i := range s.Tracked {
		if is(s.Tracked[i].Kind) && s.Tracked[i].Side == side {
			at = append(at, i)
		}
	}
	return at
}

// listedBefore returns the number of tracked incidents of both sides that some page has listed.
func (s *State) listedBefore() (n int) {
	for i := range s.Tracked {
		if tracked := &s.Tracked[i]; tracked.Side != "" && !tracked.Provisional {
			n++
		}
	}
	return n
}

// A TrackedIncident is an incident that was reported and not retracted.
type TrackedIncident struct {
	observation.Incident
	ID          string `json:"id"`                    // never changes
	Rev         int    `json:"rev"`                   // revision: 1, plus one for each correction or retraction
	Event       string `json:"event"`                 // ID of the latest event about the incident
	Provisional bool   `json:"provisional,omitempty"` // only the score implies the incident; no page has listed it

	Winner    event.Winner   `json:"winner,omitempty"`     // match_end only: the winner; "" if unknown
	DecidedBy event.Decision `json:"decided_by,omitempty"` // match_end only: how the match was decided; "" if unknown

	// PageClock is the clock of the page that reported the incident, if the incident changes the score.
	PageClock event.Clock `json:"page_clock,omitzero"`

	Backfill bool   `json:"backfill,omitempty"` // the incident was reported as backfill
	Site     string `json:"source,omitempty"`   // site of the page that set the attributes
	List     int    `json:"list,omitempty"`     // index of the incident's list in the profile of Site
	Guessed  bool   `json:"guessed,omitempty"`  // its row shows a minute without a period
	Missing  *Hold  `json:"missing,omitempty"`  // consecutive complete pages without it; nil if the latest lists it
	Doubted  bool   `json:"doubted,omitempty"`  // a page may have removed it, and no page has listed it since
}

// A View holds what one site has shown of a match. All pages with the same profile belong to one
// site. PageID, Hold, Deferred, End and MovedOn also cover deferred pages. The other fields cover only
// accepted pages.
type View struct {
	Rank       int              `json:"rank"`                  // rank of the latest status
	Clock      event.Clock      `json:"clock,omitzero"`        // the latest clock, in match order
	Modified   time.Time        `json:"modified,omitzero"`     // the latest Last-Modified
	Score      *event.Score     `json:"score,omitempty"`       // the latest score that was not in doubt
	LineScore  *event.LineScore `json:"line_score,omitempty"`  // the line score with Score
	AllInnings bool             `json:"all_innings,omitempty"` // cricket: the site shows all innings of a side
	Wickets    bool             `json:"wickets,omitempty"`     // cricket: the site has shown wickets
	Rows       int              `json:"rows,omitempty"`        // number of incidents on the latest page
	Snapshot   string           `json:"snapshot,omitempty"`    // snapshot of the latest page; see snapshotOf
	Superseded []string         `json:"superseded,omitempty"`  // snapshots of earlier pages
	Observed   uint64           `json:"observed,omitempty"`    // digest of the latest compared observation
	PageID     string           `json:"page_id,omitempty"`     // the site's own ID of the match
	Start      time.Time        `json:"start,omitzero"`        // the latest kick-off time

	Hold     *Hold  `json:"hold,omitempty"`     // consecutive deferred pages; nil if the latest page was accepted
	Deferred *View  `json:"deferred,omitempty"` // what the latest page that looked older shows; may be nil
	Doubt    *Doubt `json:"doubt,omitempty"`    // nil unless the score of the latest page is in doubt
	End      *Hold  `json:"end,omitempty"`      // consecutive pages with an end that is too early

	// RetractedScore is the latest score that a lower score replaced, until a page is known to be newer.
	RetractedScore *event.Score `json:"retracted_score,omitempty"`

	// Replaced is true in Deferred if other bytes had already replaced those of the page.
	Replaced bool `json:"replaced,omitempty"`

	// MovedOn is true if the latest pages contradict the course of the match; see
	// contradictsCourse. A page during play showed a preview, or a page after the end showed a
	// preview or an earlier time of play. The site may show the next match of the teams.
	MovedOn bool `json:"moved_on,omitempty"`
}

// A Hold counts consecutive polls with the same finding, such as a page that looks older or a
// missing row. The finding has no effect until the hold is overdue.
type Hold struct {
	Polls  int           `json:"polls"`  // number of polls
	Lasted time.Duration `json:"lasted"` // time from the first poll to Last; each interval counts as at most a minute
	Last   time.Time     `json:"last"`   // time of the latest poll
}

// firstHold returns a hold with one poll, at the time at.
func firstHold(at time.Time) *Hold { return &Hold{Polls: 1, Last: at} }

// extended returns the hold with one more poll. It does not modify h, which may be nil.
func (h *Hold) extended(at time.Time) *Hold {
	if h == nil {
		return firstHold(at)
	}
	gap := max(0, min(at.Sub(h.Last), time.Minute))
	return &Hold{Polls: h.Polls + 1, Lasted: h.Lasted + gap, Last: at}
}

// overdue reports whether the hold has at least this many polls, and has lasted at least this long.
func (h *Hold) overdue(polls int, long time.Duration) bool {
	return h.Polls >= polls && h.Lasted >= long
}

// A Doubt is a score that more pages must confirm, because the score is lower than the saved score,
// or much higher.
type Doubt struct {
	Hold              // counts the pages with this score; after the first page, Polls counts only fresh pages
	Score event.Score `json:"score"`
	Leap  bool        `json:"leap,omitempty"` // the score is much higher than the saved score
}

// A Provenance describes where a page comes from, when the page was read, and which job read it.
type Provenance struct {
	TID         event.TID
	CausationID string              // ID of the message that caused the poll
	Site        string              // "/parser/<profile>", which becomes the source of the events
	Tracker     string              // differs between trackers of the same site
	At          time.Time           // when the page was read
	Modified    time.Time           // the page's Last-Modified; zero if it has none
	Superseded  bool                // the tracker has already read newer bytes than those of the page
	Evidence    event.Evidence      // URL and snapshot; each event adds the path of its row
	Aliases     observation.Aliases // aliases of team names; may be nil
	Replay      bool                // mark the events as replayed from a recording
}

// seenStep is the minimum time between two updates of a reader in State.Seen. It avoids saving an
// unchanged match after every poll.
const seenStep = 30 * time.Second

// reader returns the key of the tracker in State.Seen.
func (p *Provenance) reader() string { return p.Site + " " + p.Tracker }

// isOtherReader reports whether reader is not the reader of the page.
func (p *Provenance) isOtherReader(reader string) bool { return reader != p.reader() }

// isOtherSite reports whether reader reads a different site from the site of the page.
func (p *Provenance) isOtherSite(reader string) bool {
	return !strings.HasPrefix(reader, p.Site+" ")
}

// seenRecently reports whether any reader for which matches returns true had an accepted page within
// [StaleAfter] before at.
func (s *State) seenRecently(at time.Time, matches func(reader string) bool) bool {
	for reader, last := range s.Seen {
		if matches(reader) && at.Sub(last) < StaleAfter {
			return true
		}
	}
	return false
}

// seenNow returns a copy of known.Seen with the time of the page's reader updated. It returns
// known.Seen itself if the last update is less than seenStep ago, or if the match is over and has
// at most one site.
func seenNow(known *State, o *observation.Observation, from *Provenance) map[string]time.Time {
	over := cmp.Or(o.Match.Status, known.Match.Status).Rank() > event.Live.Rank()
	if over && len(known.Views) < 2 || from.At.Sub(known.Seen[from.reader()]) < seenStep {
		return known.Seen
	}
	seen := map[string]time.Time{from.reader(): from.At}
	for reader, last := range known.Seen {
		if from.isOtherReader(reader) && from.At.Sub(last) < StaleAfter {
			seen[reader] = last
		}
	}
	return seen
}
