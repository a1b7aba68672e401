package reconcile_test

import (
	"io/fs"
	"math/rand/v2"
	"path"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/season"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/reconcile"
	"github.com/matchwire/matchwire/parser/recording"
)

// On all fixtures and generated pages, each step reads and writes only the parts that the table of
// steps declares. It reads and writes each declared part at least once. On some matches of the season,
// no step reads or writes other parts.
func TestStepsReadAndWriteWhatTheyDeclare(t *testing.T) {
	testenv.NotShort(t)
	unused := reconcile.CheckSteps(t)
	manifests, err := fs.Glob(fixtures.FS, "*/*/"+recording.ManifestName)
	if err != nil || len(manifests) == 0 {
		t.Fatalf("found %d fixtures, error %v, want at least one", len(manifests), err)
	}
	for _, m := range manifests {
		parsertest.Play(t, parsertest.Ingester(t), parsertest.Fixture(t, path.Dir(m)))
	}
	for seed := range uint64(60) {
		reconcileGenerated(t, seed)
	}
	changeBeforeKickoff(t)
	unused()
	if dir := testenv.Season("../.."); dir != "" {
		reconcileSeason(t, dir, 3)
	}
}

// reconcileGenerated reconciles pages of one match that are generated from seed.
func reconcileGenerated(t *testing.T, seed uint64) {
	in := &script{data: make([]byte, 1500)}
	rnd := rand.New(rand.NewPCG(seed, 2))
	for i := range in.data {
		in.data[i] = byte(rnd.Uint32())
	}
	state, now := reconcile.State{Epoch: "e"}, parsertest.Noon
	sport := []event.Sport{event.Soccer, event.IceHockey, event.Basketball}[seed%3]
	for !in.over() {
		now = now.Add(time.Duration(in.below(12)) * 10 * time.Second)
		from := reconcile.Provenance{Site: "/parser/" + string('a'+rune(in.below(2))), At: now,
			Evidence: event.Evidence{Snapshot: now.String()}}
		next, _, err := reconcile.Match(state, in.observation(sport), from)
		if err == nil {
			state = next
		}
		if in.below(10) == 0 {
			if state, _, err = reconcile.MarkStale(state, from, "generated"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// changeBeforeKickoff reconciles pages of a match whose kick-off moves, and whose teams become known
// after its first event.
func changeBeforeKickoff(t *testing.T) {
	s := begin(t, startingAt(event.Scheduled, 0))
	s.read(startingAt(event.Scheduled, time.Hour))
	o := startingAt(event.Scheduled, time.Hour)
	o.Match.Away = "Seattle Sounders FC"
	s.read(o)
}

// reconcileSeason reconciles the pages of the first n matches of the season.
func reconcileSeason(t *testing.T, dir string, n int) {
	matches, err := season.Load(dir, event.Soccer)
	if err != nil || len(matches) < n {
		t.Fatalf("the season has %d matches, error %v, want at least %d", len(matches), err, n)
	}
	for i := range n {
		if _, _, err := matches[i].Events(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
}
