package profile_test

import (
	"testing"

	"github.com/matchwire/matchwire/internal/parsertest"
)

// Names on a page that is encoded as UTF-8 twice are repaired.
func TestNamesEncodedTwice(t *testing.T) {
	t.Parallel()
	o, _ := parsertest.Extract(t, "<meta charset=utf-8><p class=league>Premi\u00c3\u00a8re</p>"+
		"<p class=home>M\u00c3\u00bcller</p><p class=away>S\u00e3o Paulo</p>"+
		"<p class=hs>1</p><p class=as>0</p><p class=status>Live</p>"+
		"<li class=h><i class=kind>Goal</i><time>10'</time><b>Rond\u00c3\u00b3n</b></li>")
	if o.League != "Premi\u00e8re" || o.Match.Home != "M\u00fcller" || o.Match.Away != "S\u00e3o Paulo" ||
		len(o.Incidents) != 1 || o.Incidents[0].Player != "Rond\u00f3n" {
		t.Errorf("observation %+v, want all names repaired", o)
	}
}
