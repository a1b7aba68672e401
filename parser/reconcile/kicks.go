package reconcile

import (
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// compareKicks compares the kicks of a shoot-out. It reports new kicks in the order of the page.
func (d *draft) compareKicks() {
	rows := append(d.pairKicks(event.Home), d.pairKicks(event.Away)...)
	slices.Sort(rows)
	for _, i := range rows {
		in := d.obs.Incidents[i]
		in.Clock.Period = event.ShootOut
		side := series{"kick", string(in.Side)}
		identity := side.nth(len(d.state.where(in.Side, event.Kind.IsKick)) + 1)
		if d.state.Retractions[side.key()] > 0 {
			identity = identity.with("again", d.generation(side))
		}
		d.reportFirstFree(in, identity)
	}
}

// pairKicks pairs one side's rows with its tracked kicks, first by player. It then pairs each
// remaining row with an unpaired kick between the kicks of the neighbouring rows: first by the short
// forms of names, then in order. pairKicks returns the indexes of the rows that it does not pair, which
// are new kicks.
func (d *draft) pairKicks(side event.Side) (unpaired []int) {
	var rows []observation.Incident
	var indexes []int
	for i, in := range d.obs.Incidents {
		if in.Kind.IsKick() && in.Side == side {
			in.Clock.Period = event.ShootOut
			rows, indexes = append(rows, in), append(indexes, i)
		}
	}
	kicks := d.state.where(side, event.Kind.IsKick)
	places := make([]int, len(rows)) // place of each row's kick in kicks, from 1; 0 if the row is not paired
	pairFirst := func(row, from, to int, matches pairingRule) {
		for i := from; i < to; i++ {
			if at := kicks[i]; !d.listed[at] && matches(rows[row], &d.state.Tracked[at]) {
				places[row] = i + 1
				d.markListed(at)
				d.correct(at, rows[row])
				return
			}
		}
	}
	for row := range rows {
		if rows[row].Player != "" {
			pairFirst(row, 0, len(kicks), samePlayer)
		}
	}
	for _, matches := range []pairingRule{shortName, always} {
		for row := range rows {
			if places[row] == 0 {
				from, to := placesBetween(places, row, len(kicks))
				pairFirst(row, from, to, matches)
			}
		}
	}
	for row, place := range places {
		if place == 0 {
			unpaired = append(unpaired, indexes[row])
		}
	}
	return unpaired
}

// placesBetween returns the range [from, to) of kicks that a row can be paired with. These kicks are
// after the kicks of earlier rows, and before the kicks of later rows. places has the place of each
// row's kick, and n is the number of kicks.
func placesBetween(places []int, row, n int) (from, to int) {
	to = n
	for _, p := range places[:row] {
		from = max(from, p)
	}
	for _, p := range places[row+1:] {
		if p > 0 {
			to = min(to, p-1)
		}
	}
	return from, to
}
