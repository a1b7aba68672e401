package poll_test

import (
	"testing"

	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/poll"
)

// The members of the saved state of a source keep their names in all versions.
func TestSavedStateKeepsItsNames(t *testing.T) {
	t.Parallel()
	parsertest.CheckMembers(t, "testdata/source_members.txt", poll.SourceState{})
}
