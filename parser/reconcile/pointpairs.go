package reconcile

import (
	"cmp"
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A pointPairs pairs the rows of one side with its tracked points. Both are in the order of the score.
type pointPairs struct {
	draft   *draft
	side    event.Side
	rows    []observation.Incident
	others  []observation.Incident // the rows of the other side
	tracked []trackedPoints
	was     []TrackedIncident // the tracked incidents before the page

	of  []int // for each row: the index in tracked of the points that it shows, or -1
	row []int // for each element of tracked: the index of the row that shows it, or -1
}

// A trackedPoints identifies tracked points: a tracked incident that changed the score.
type trackedPoints struct {
	at    int // index in state.Tracked
	after int // the side's score after the incident, as it was before the page
}

// newPointPairs returns the rows and the tracked points of a side, without pairs.
func (d *draft) newPointPairs(side event.Side, rows []observation.Incident) pointPairs {
	p := pointPairs{draft: d, side: side, was: d.state.Tracked}
	for i := range rows {
		if rows[i].Side == side {
			p.rows = append(p.rows, rows[i])
			p.of = append(p.of, -1)
		} else {
			p.others = append(p.others, rows[i])
		}
	}
	for at := range d.state.Tracked {
		tracked := &d.state.Tracked[at]
		if tracked.Side == side && isPoints(d.obs.Sport, &tracked.Incident) && tracked.Score != nil && !d.isRetracted(at) {
			p.tracked = append(p.tracked, trackedPoints{at, tracked.Score.Of(side)})
			p.row = append(p.row, -1)
		}
	}
	slices.SortStableFunc(p.rows, func(a, b observation.Incident) int {
		return cmp.Or(cmp.Compare(p.partOf(&a), p.partOf(&b)), cmp.Compare(a.Score.Of(side), b.Score.Of(side)))
	})
	slices.SortStableFunc(p.tracked, func(a, b trackedPoints) int {
		return cmp.Or(cmp.Compare(p.partOf(&p.incident(a).Incident), p.partOf(&p.incident(b).Incident)),
			cmp.Compare(a.after, b.after))
	})
	return p
}

// partOf returns the part of the match that the score after points belongs to; see the function partOf.
func (p *pointPairs) partOf(in *observation.Incident) int { return partOf(p.draft.obs.Sport, in) }

// samePart reports whether a row and tracked points belong to the same part.
func (p *pointPairs) samePart(row, t int) bool {
	return p.partOf(&p.rows[row]) == p.partOf(&p.incident(p.tracked[t]).Incident)
}

// incident returns the incident of tracked points.
func (p *pointPairs) incident(t trackedPoints) *TrackedIncident { return &p.draft.state.Tracked[t.at] }

// pair finds the points that each row shows. Most pages only add a few rows, so it first pairs
// equal rows and points from the beginning and from the end. Then it pairs points with the same
// player and clock, in order if possible. Last, it pairs points whose player or clock the page has
// edited.
func (p *pointPairs) pair() {
	begin, rows, tracked := 0, len(p.rows), len(p.tracked)
	for begin < min(rows, tracked) && p.equal(begin, begin) {
		p.set(begin, begin)
		begin++
	}
	for rows > begin && tracked > begin && p.equal(rows-1, tracked-1) {
		rows, tracked = rows-1, tracked-1
		p.set(rows, tracked)
	}
	p.pairInOrder(begin, rows, tracked)
	p.pairOutOfOrder()
	p.pairEdited()
}

// set pairs a row with tracked points.
func (p *pointPairs) set(row, t int) { p.of[row], p.row[t] = t, row }

// equal reports whether a row and tracked points have the same player, clock, kind, detail and score.
func (p *pointPairs) equal(row, t int) bool {
	return p.likeness(row, t) == likeness(true, true, true)
}

// likeness returns the likeness of a row and tracked points with the same player and clock. It returns
// 0 if the player or the clock differs. If the clock is unknown, or if the score restarts, the side's
// score after them must be the same too. A try that becomes a penalty try may have a different player.
func (p *pointPairs) likeness(row, t int) int {
	in, tracked := p.rows[row], p.incident(p.tracked[t])
	sameAfter := p.samePart(row, t) && in.Score.Of(p.side) == p.tracked[t].after
	rules := p.draft.obs.Sport.Rules()
	if rules.SetScore && !sameAfter {
		return 0
	}
	timed := in.Clock.Known() || rules.ShortPeriods && in.Clock.Period != "" && in.Clock.Period == tracked.Clock.Period
	if !timed && !sameAfter || !sameClock(in, tracked) ||
		in.Player != tracked.Player && !samePlayer(in, tracked) && !becomesPenaltyTry(in, tracked) { // folding names is slow
		return 0
	}
	like := likeness(in.Kind == tracked.Kind, in.Detail == tracked.Detail, sameAfter)
	if !tracked.Doubted && becomesPenaltyTry(in, tracked) {
		like++ // of two tries that a penalty try can replace, it replaces the one that is not in doubt
	}
	return like
}

// becomesPenaltyTry holds for a penalty try in place of the try of a player, and the other way round.
func becomesPenaltyTry(row observation.Incident, tracked *TrackedIncident) bool {
	return row.Kind == tracked.Kind && (row.Detail == event.PenaltyTry) != (tracked.Detail == event.PenaltyTry)
}

// editedLikeness is the likeness of a row and tracked points of which the page has edited either the clock,
// or the player to a similar name, and nothing else. It is lower than if only the score after them
// differed, and higher than if their kind differed too.
const editedLikeness = 24

// edited reports whether editedLikeness applies.
func (p *pointPairs) edited(row, t int) bool {
	in, tracked := p.rows[row], p.incident(p.tracked[t])
	similar := samePlayer(in, tracked) || sameClock(in, tracked) && shortName(in, tracked)
	return similar && sameKind(in, tracked) && sameDetail(in, tracked) &&
		in.Score.Of(p.side) == p.tracked[t].after && p.mayBeEdited(row, t)
}

// likeness returns how alike two incidents with the same player and clock are. The sum for any two
// pairs is higher than the value for one pair. All values are even.
func likeness(sameKind, sameDetail, sameAfter bool) int {
	n := 16
	for i, same := range []bool{sameDetail, sameAfter, sameKind} {
		if same {
			n += 2 << i
		}
	}
	return n
}

// pairInOrder pairs the rows with indexes in [begin, rows) with the tracked points with indexes in
// [begin, tracked). Both stay in order, and the pairs are as alike as possible. Otherwise the free
// throws of a player at the same clock would change places when their score changes.
func (p *pointPairs) pairInOrder(begin, rows, tracked int) {
	n, m := rows-begin, tracked-begin
	if n == 0 || m == 0 {
		return
	}
	like, best := make([]int, n*m), make([]int, (n+1)*(m+1)) // best[i, j] is the best sum for rows from i, points from j
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if like[i*m+j] = p.likeness(begin+i, begin+j); like[i*m+j] == 0 && p.edited(begin+i, begin+j) {
				like[i*m+j] = editedLikeness
			}
			most := max(best[(i+1)*(m+1)+j], best[i*(m+1)+j+1])
			if like[i*m+j] > 0 {
				most = max(most, like[i*m+j]+best[(i+1)*(m+1)+j+1])
			}
			best[i*(m+1)+j] = most
		}
	}
	for i, j := 0, 0; i < n && j < m; {
		here := best[i*(m+1)+j]
		switch {
		case like[i*m+j] > 0 && here == like[i*m+j]+best[(i+1)*(m+1)+j+1]:
			p.set(begin+i, begin+j)
			i, j = i+1, j+1
		case here == best[(i+1)*(m+1)+j]:
			i++
		default:
			j++
		}
	}
}

// pairOutOfOrder pairs the remaining rows with tracked points that have the same player and clock.
// Such rows are out of order if they were missing while the page changed the score after later points.
func (p *pointPairs) pairOutOfOrder() {
	for i := range p.rows {
		for t := range p.tracked {
			if p.of[i] < 0 && p.row[t] < 0 && p.likeness(i, t) > 0 {
				p.set(i, t)
			}
		}
	}
}

// pairEdited pairs the remaining rows with tracked points that can be the same although the page
// shows another player or clock. Points of the same player come first. Points of a player whose
// name is a short form of the other name come next, then points of the same kind and detail, and
// then all others.
func (p *pointPairs) pairEdited() {
	for _, alike := range []pairingRule{samePlayer, shortName, allOf(sameKind, sameDetail), allOf()} {
		for i := range p.rows {
			for t := range p.tracked {
				if p.of[i] < 0 && p.row[t] < 0 && p.mayBeEdited(i, t) && alike(p.rows[i], p.incident(p.tracked[t])) {
					p.set(i, t)
				}
			}
		}
	}
}

// mayBeEdited reports whether a row can be a correction of tracked points. The row must show the
// score after the points. The scores may differ only if the page has changed or removed other
// points that explain the difference. A row with another player is not a correction if scoreLacks
// holds for the tracked points. A row is not a correction either if its player, kind and clock are all
// different.
func (p *pointPairs) mayBeEdited(row, t int) bool {
	in, tracked := p.rows[row], p.incident(p.tracked[t])
	change := in.Score.Of(p.side) - p.tracked[t].after
	same, shown := samePlayer(in, tracked), p.draft.obs.Score
	explained := change == 0 || change == p.changeBefore(row) || change == p.changeAfter(row) ||
		change == -p.unlistedBefore(t) && (same || sameKind(in, tracked) && sameDetail(in, tracked)) ||
		same && shown != nil && isAhead(&p.draft.obs, &tracked.Incident, shown) // earlier points count less now
	if !explained || !p.samePart(row, t) ||
		!scoreRestarts(p.draft.obs.Sport) && observation.OtherPlayer(in.Player, tracked.Player) && p.scoreLacks(t) {
		return false
	}
	if !same && !sameKind(in, tracked) && !sameClock(in, tracked) {
		return false
	}
	otherPeriod := p.draft.obs.Sport.Rules().ShortPeriods && same &&
		(change == 0 && sameKind(in, tracked) || !p.draft.startedAfter(in.Clock.Period, tracked))
	return otherPeriod || p.draft.mayBeSamePoints(in, tracked)
}

// unlistedBefore returns the sum of the unpaired points directly before tracked points.
func (p *pointPairs) unlistedBefore(t int) int {
	first := t
	for first > 0 && p.row[first-1] < 0 {
		first--
	}
	return p.scoreBefore(t) - p.scoreBefore(first)
}

// mayBeSamePoints reports whether a row can be a correction of tracked points with the same score. It is
// like mayBeSameGoal, but a row with a different player is a correction only at the same clock. The
// reason is that points follow each other faster than goals.
func (d *draft) mayBeSamePoints(row observation.Incident, tracked *TrackedIncident) bool {
	known := row.Clock.Known() && tracked.Clock.Known()
	if known && observation.OtherPlayer(row.Player, tracked.Player) && !sameClock(row, tracked) &&
		!(tracked.Site != d.from.Site && d.state.seenRecently(d.from.At, d.from.isOtherSite)) {
		return false
	}
	return d.mayBeSameGoal(row, tracked)
}

// change returns by how much the page changes the score after the points that a row shows. The row must
// be paired.
func (p *pointPairs) change(row int) int {
	return p.rows[row].Score.Of(p.side) - p.tracked[p.of[row]].after
}

// changeBefore returns the change of the nearest paired row before a row, or 0.
func (p *pointPairs) changeBefore(row int) int {
	for i := row - 1; i >= 0; i-- {
		if p.of[i] >= 0 {
			return p.change(i)
		}
	}
	return 0
}

// changeAfter returns the change of the nearest paired row after a row. If there is no such row, it
// returns the change in the side's score if the score has fallen, otherwise 0.
func (p *pointPairs) changeAfter(row int) int {
	for i := row + 1; i < len(p.rows); i++ {
		if p.of[i] >= 0 {
			return p.change(i)
		}
	}
	was, now := p.draft.state.Score, p.draft.obs.Score
	if was == nil || now == nil || scoreRestarts(p.draft.obs.Sport) {
		return 0
	}
	return min(0, now.Of(p.side)-was.Of(p.side))
}

// unlisted returns the indexes in p.tracked of the points that no row shows.
func (p *pointPairs) unlisted() (all []int) {
	for t, row := range p.row {
		if row < 0 {
			all = append(all, t)
		}
	}
	return all
}

// removed returns the tracked points that the page has removed, as indexes in state.Tracked. The
// page does not list these points, and shows a score without them in one of these ways:
//
//   - The score after the next points of the side has fallen by exactly the missing points.
//   - That score is too low to include both the missing and the next points, for example because the
//     next try has become a penalty try. If the score has fallen by less than the missing points, only the points
//     that are worth the difference were removed; see worth.
//   - The score after later points of the other side has fallen; see scoreLacks.
//
// If the score restarts, removed returns nil.
func (p *pointPairs) removed() (all []int) {
	if scoreRestarts(p.draft.obs.Sport) || len(p.tracked) == 0 {
		return nil
	}
	first, was := 0, p.scoreBefore(0) // the first points after the latest listed points, and the score before them
	changed, listed := 0, 0           // the change of the latest listed points, and the score after their row
	for t, row := range p.row {
		if row < 0 {
			continue
		}
		after, points := p.rows[row].Score.Of(p.side), p.scoreBefore(t)-was
		next := p.draft.obs.Sport.Rules().Points[p.rows[row].Kind]
		tooLow := slices.Contains(next, after-listed) && after-listed < points+slices.Min(next)
		switch fell := changed - p.change(row); {
		case t > first && fell == points:
			all = append(all, p.indexes(p.tracked[first:t])...)
		case t > first && tooLow:
			all = append(all, p.indexes(p.worth(first, t, was, fell))...)
		}
		first, was, changed, listed = t+1, p.tracked[t].after, p.change(row), after
	}
	for _, t := range p.unlisted() {
		if at := p.tracked[t].at; !slices.Contains(all, at) && p.scoreLacks(t) {
			all = append(all, at)
		}
	}
	return all
}

// indexes returns the indexes in state.Tracked of points.
func (p *pointPairs) indexes(points []trackedPoints) (all []int) {
	for _, t := range points {
		all = append(all, t.at)
	}
	return all
}

// worth returns the elements from first to end of p.tracked that together are worth the given points. was is the score
// before the first one. If several choices are worth that, it returns none, because the page does not show
// which are gone. If no choice is, the page has also changed other points, and it returns all elements.
func (p *pointPairs) worth(first, end, was, points int) []trackedPoints {
	all := p.tracked[first:end]
	if len(all) > maxChoices || points <= 0 {
		return all
	}
	var found []trackedPoints
	for choice := range 1 << len(all) {
		var chosen []trackedPoints
		sum, before := 0, was
		for i, t := range all {
			if choice&(1<<i) != 0 {
				chosen, sum = append(chosen, t), sum+t.after-before
			}
			before = t.after
		}
		switch {
		case sum != points:
		case found != nil:
			return nil
		default:
			found = chosen
		}
	}
	if found == nil {
		return all
	}
	return found
}

// maxChoices is the maximum number of missing points for which worth compares all choices.
const maxChoices = 8

// scoreLacks reports whether the score after later points of the other side no longer includes
// tracked points. Then this side's part of that score has fallen by at least as many points.
func (p *pointPairs) scoreLacks(t int) bool {
	after, points := p.tracked[t].after, p.tracked[t].after-p.scoreBefore(t)
	for before := t - 1; before >= 0; before-- {
		if row := p.row[before]; row >= 0 {
			points -= p.change(row) // earlier points count less now
			break
		}
	}
	for i := range p.was {
		later := &p.was[i]
		if later.Side != p.side.Other() || later.Score == nil || later.Score.Of(p.side) < after ||
			!isPoints(p.draft.obs.Sport, &later.Incident) {
			continue
		}
		for _, row := range p.others {
			fell := later.Score.Of(p.side) - row.Score.Of(p.side)
			if row.Score.Of(later.Side) == later.Score.Of(later.Side) && fell >= points && row.Score.Of(p.side) < after {
				return true
			}
		}
	}
	return false
}

// scoreBefore returns the score of the side before tracked points, as it was before the page.
func (p *pointPairs) scoreBefore(t int) int {
	switch first := p.tracked[0]; {
	case t > 0:
		return p.tracked[t-1].after
	case p.incident(first).Points > 0:
		return first.after - p.incident(first).Points
	}
	return 0
}

// replaced returns the tracked points that other points replace. The page does not list them, but a
// row in their place shows the score of the side that they would have now, which a side reaches only once. The
// keys are indexes in state.Tracked. The values are indexes of rows.
func (p *pointPairs) replaced() map[int]int {
	rows := map[int]int{}
	for _, t := range p.unlisted() {
		after := p.tracked[t].after + p.changeOfEarlier(t)
		for i := range p.rows {
			lowered := p.of[i] > t && p.change(i) < 0 // later points, whose score fell because others were removed
			if p.rows[i].Score.Of(p.side) == after && p.samePart(i, t) && !lowered {
				rows[p.tracked[t].at] = i
			}
		}
	}
	return rows
}

// changeOfEarlier returns by how much the page changes the score after the nearest listed points of the same
// part before tracked points, or 0.
func (p *pointPairs) changeOfEarlier(t int) int {
	part := p.partOf(&p.incident(p.tracked[t]).Incident)
	for t--; t >= 0 && p.partOf(&p.incident(p.tracked[t]).Incident) == part; t-- {
		if row := p.row[t]; row >= 0 {
			return p.change(row)
		}
	}
	return 0
}

// lacksPointsBefore reports whether the page lacks points before those of a row. Then the row adds
// more to the score of the row before than its kind can, such as nine points for a touchdown.
func (p *pointPairs) lacksPointsBefore(row int) bool {
	if scoreRestarts(p.draft.obs.Sport) {
		return false
	}
	before := 0
	if row > 0 {
		before = p.rows[row-1].Score.Of(p.side)
	}
	in := &p.rows[row]
	return in.Score.Of(p.side)-before > slices.Max(p.draft.obs.Sport.Rules().Points[in.Kind])
}

// next returns the index of the row with the next points after tracked points that the page does not
// list, or -1.
func (p *pointPairs) next(t int) int {
	return slices.IndexFunc(p.rows, func(in observation.Incident) bool {
		return in.Score.Of(p.side) > p.tracked[t].after && p.partOf(&in) == p.partOf(&p.incident(p.tracked[t]).Incident)
	})
}

// newAfter reports whether the next points after tracked points that the page does not list are new.
func (p *pointPairs) newAfter(t int) bool {
	next := p.next(t)
	return next >= 0 && p.of[next] < 0
}

// needs reports whether the score after the next points is possible only with tracked points that
// the page does not list.
func (p *pointPairs) needs(t int) bool {
	next := p.next(t)
	return next >= 0 && p.lacksPointsBefore(next)
}

// listsAround reports whether the page lists points of the side before and after tracked points that it
// does not list. Such a page does not list only the latest points.
func (p *pointPairs) listsAround(t int) bool {
	return p.next(t) > 0 && slices.ContainsFunc(p.row[:t], func(row int) bool { return row >= 0 })
}

// apply corrects the tracked points from the rows that show them.
func (p *pointPairs) apply(d *draft) {
	for i, t := range p.of {
		if t >= 0 {
			d.markListed(p.tracked[t].at)
			d.correct(p.tracked[t].at, p.rows[i])
		}
	}
}
