package poll_test

import (
	"testing"

	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/poll"
)

// The JSON members of a source's saved state have the same names in all versions of matchwire.
func TestSavedStateKeepsItsNames(t *testing.T) {
	t.Parallel()
	parsertest.CheckMembers(t, "testdata/source_members.txt", poll.SourceState{})
}
