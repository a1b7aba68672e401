package reconcile

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile/internal/innings"
	"github.com/matchwire/matchwire/parser/reconcile/internal/pagerows"
	"github.com/matchwire/matchwire/parser/reconcile/internal/results"
)

// Match compares an observation with known, the saved state of the match. It returns the next
// state, and events that report the differences, in match order. The events of the first page report
// everything that has happened so far, and are marked as backfill.
//
// Match does not modify known. If it returns an error, it returns known as the state. The error
// wraps [ErrOtherMatch] if the page shows another match.
//
// The score determines the number of goals. The minute and the player of a goal are attributes,
// which a later page can correct. A page that may be a stale copy retracts nothing until it persists.
func Match(known State, o observation.Observation, from Provenance) (State, []event.Event, error) {
	if err := checkSameMatch(&known, &o, &from); err != nil {
		return known, nil, err
	}
	// Normalise the facts that are compared with earlier pages.
	o.Match.Period = latestInnings(&known, &o)
	status, shown := o.Match.Status, o.Score
	o.Score = playedScore(&known, &o)
	allInnings := known.Views[from.Site].AllInnings || !addsUp(o.Sport) && innings.Several(o.LineScore)
	wickets := known.Views[from.Site].Wickets || results.ShowsWickets(o.LineScore)
	o.Score, o.LineScore = known.innings().Complete(&o, allInnings, wickets)
	o.Match.Period = begunInnings(&known, &o)
	digest := o.Digest()
	end, endHold := decideEnd(&known, &o, &from)
	o.Match = plausibleMatch(&known, &o, &from, end)
	guessed := o.Match.Period == ""
	o.Match = inferMatchPeriod(&known, &o)
	o.Incidents = inferPeriods(&known, &o, status)

	// Judge the page. Return if the page is deferred, or if its content has not changed.
	verdict, view := judge(&known, &o, &from)
	if err := checkReopened(&known, &view, &o, verdict); err != nil {
		return known, nil, err
	}
	next, unchanged := known, digest == known.Views[from.Site].Observed
	if verdict != deferred {
		view.AllInnings, view.Wickets = allInnings, wickets
		next.Seen = seenNow(&known, &o, &from)
		next.EndsFrom = endsFrom(&known, &o, &from, verdict, guessed)
		next.LongestClock, next.LongestLater = longestClock(&known, &o), longestLater(&known, &o)
		next.PlayShown = playShown(&known, &o, &from, unchanged)
		view.End = endHold
	} else if endHold != nil && known.Views[from.Site].End != nil { // the page is older, but also shows the end
		view.End = endHold
	}
	released := known.Views[from.Site].End != nil && end != endHeld // the end on earlier pages is no longer held
	nothingNew := unchanged && verdict != overdue && !released && known.nothingPending(&view)
	if verdict == deferred || nothingNew {
		next.Views = withView(known.Views, from.Site, view)
		if view.contradictsTooLong() {
			return MarkStale(next, from, "the page shows a preview, although the match has begun")
		}
		return next, nil, nil
	}

	// Decide on the score, normalise the rows, and merge the facts.
	view.Observed = digest
	last := known.Views[from.Site].Deferred
	lostRow := verdict == overdue && last != nil && last.Rows > len(o.Incidents)
	decision, view := decideScore(&known, &o, &from, verdict, view)
	next.Views = withView(known.Views, from.Site, view)
	if o.Sport.Rules().InningsScore && o.Score != nil && !decision.doubtful {
		next.Batting = known.innings().Batting(known.Batting, o.Score, o.LineScore)
	}

	o.Incidents = pagerows.InOrder(o.Sport, pagerows.WithoutRepeats(&o))
	next.Sport = o.Sport
	next.League, next.Match = mergeFacts(&known, &o, &from, verdict)
	next.LeagueKey = cmp.Or(known.LeagueKey, o.LeagueKey)
	var moved time.Time
	next.Match.Start, next.Kickoff, moved = decideKickoff(&known, &o, &from)
	if next.Began = began(&known, &next.Match, &from); next.Began.IsZero() {
		next.PlayShown, next.EndsFrom = 0, time.Time{}
	}
	next.Unwatched = unwatched(&known, next.Match.Status)
	next.Match = inLastPeriod(next.Match, &known, &o, end)
	if !decision.doubtful { // otherwise the page may be a stale copy
		next.Match.Situation, next.SituationSite = situationAfter(&known, &o, &from, next.Match.Status)
	}

	// Compare, and create the events.
	d := newDraft(&known, next)
	d.obs, d.from, d.verdict, d.score = o, from, verdict, decision
	d.shownScore, d.early, d.oldKickoff = shown, end == endEarly, moved
	d.otherTeams = namesChanged(&known, &o, &from)
	d.rowsBefore, d.lostRow = known.Views[from.Site].Rows, lostRow
	d.repeated = repeats(&known, &o, &from)
	d.periodMoved = next.Match.Period != known.Match.Period
	d.partBefore = partOf(o.Sport, &observation.Incident{Clock: event.Clock{Period: known.Match.Period}})
	for _, s := range steps {
		s.run(d)
	}
	events, err := d.events()
	if err != nil {
		return known, nil, err
	}
	return d.state, events, nil
}

// steps lists the steps of the comparison in order. Each step declares the parts of the draft that
// it may only read, and the parts that it may read and write.
var steps = []step{
	{"health", (*draft).checkHealth, partPage | partMatch | partIncidents, partHealth | partChanges},
	{"teams", (*draft).reportTeams, partMatch, partChanges},
	{"kick-off", (*draft).reportKickoff, partMatch, partChanges},
	{"line-ups", (*draft).compareLineups, partPage | partMatch, partIncidents | partChanges},
	{"reopened periods", (*draft).reopenPeriods, partPage | partMatch, partIncidents | partChanges},
	{"periods", (*draft).comparePeriods, partPage | partMatch, partIncidents | partChanges},
	{"goals", (*draft).compareGoals, partPage | partMatch, partIncidents | partChanges},
	{"points", (*draft).comparePoints, partPage | partMatch, partIncidents | partChanges},
	{"kicks", (*draft).compareKicks, partPage | partMatch, partIncidents | partChanges},
	{"others", (*draft).compareOthers, partPage | partMatch, partIncidents | partChanges},
	{"missing", (*draft).retractMissing, partPage, partIncidents | partChanges},
	{"score change", (*draft).reportScoreChange, partPage | partMatch | partIncidents, partScore | partChanges},
	{"status change", (*draft).reportStatusChange, partMatch | partIncidents, partChanges},
	{"result", (*draft).compareResult, partPage | partMatch | partScore, partIncidents | partChanges},
}

// A step is one step of the comparison.
type step struct {
	name          string
	run           func(*draft)
	reads, writes parts
}

// A draft holds the input of the steps, and the next state, which the steps modify.
type draft struct {
	obs      observation.Observation // the page
	from     Provenance              // provenance of the page
	verdict  verdict                 // verdict on the page
	score    scoreDecision           // decision about the page's score
	backfill bool                    // whether the page is the first page of the match
	early    bool                    // whether the page shows an end that is too early, but has persisted
	before   event.Status            // status of the match before the page

	rowsBefore  int  // number of incidents on the latest accepted page of the same site
	lostRow     bool // the verdict is overdue, but the latest deferred page had more incidents
	partBefore  int  // index of the set that was in play before the page, or -1; see partOf
	periodMoved bool // whether the page has changed the period of the match

	shownScore  *event.Score // the page's score, including goals that were not played
	tallyBefore *event.Score // the tally of the shoot-out before the page
	oldKickoff  time.Time    // the kick-off time reported before, if it has moved and the match has not begun
	repeated    bool         // whether the page may be a copy from a cache, because its bytes did not change
	otherTeams  bool         // whether the names of the teams have changed

	state   State           // the next state
	listed  map[int]bool    // indexes in state.Tracked: the incidents that the page lists
	ids     map[string]bool // IDs of state.Tracked; nil until trackedIDs is called
	changes []change        // changes found so far
}

// A parts value is a bit set of parts of a draft. The method fields in export_test.go lists the
// fields of each part.
type parts int

const (
	partPage      parts = 1 << iota // the page, and the decision about its score; no step writes it
	partMatch                       // teams, status, period, clock and other facts in the next state; no step writes it
	partHealth                      // whether the match is stale, and how long its pages have had no rows
	partScore                       // the score, the shoot-out and the line score in the next state
	partIncidents                   // tracked incidents, line-ups, which incidents are listed, counts of retractions
	partChanges                     // the changes found so far, and the number of untracked incidents
)

// newDraft returns a draft of next. It copies the slices and maps that steps modify.
func newDraft(known *State, next State) *draft {
	next.Tracked, next.Retractions = slices.Clone(known.Tracked), maps.Clone(known.Retractions)
	next.Lineups = maps.Clone(known.Lineups)
	return &draft{backfill: !known.Known(), before: known.Match.Status,
		tallyBefore: known.Shootout, state: next}
}

// withView returns a copy of views with the view of one site replaced.
func withView(views map[string]View, site string, v View) map[string]View {
	views = maps.Clone(views)
	if views == nil {
		views = map[string]View{}
	}
	views[site] = v
	return views
}
