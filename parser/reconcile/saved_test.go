package reconcile_test

import (
	"testing"

	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// The members of a saved state keep their names in all versions.
func TestSavedStateKeepsItsNames(t *testing.T) {
	t.Parallel()
	parsertest.CheckMembers(t, "testdata/state_members.txt", reconcile.State{})
}
