package observation

import (
	"strings"
	"testing"
)

func TestDamaged(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"Rond?n": true, "Rond\ufffdn": true, "?rebro": true, "Rond\u00f3n": false,
		"": false} {
		if got := Damaged(name); got != want {
			t.Errorf("Damaged(%q) = %t, want %t", name, got, want)
		}
	}
}

// A damaged name refers to the same team as an intact name that it fits.
func TestSameTeamWithDamagedNames(t *testing.T) {
	t.Parallel()
	for intact, damaged := range map[string][]string{
		"\u00d6rebro":        {"\ufffdrebro", "?rebro"},
		"Banana":             {"B?nana", "Banan?", "Ban?na"},
		"M\u00e1laga":        {"M?laga"},
		"S\u00e3o Jo\u00e3o": {"S?o Jo?o"},
		"Quer\u00e9taro":     {"Quer\ufffdtaro", "Quer?taro", "Quer\ufffd\ufffdtaro"},
	} {
		for _, d := range damaged {
			if !Aliases(nil).SameTeam(intact, d) || !Aliases(nil).SameTeam(d, intact) {
				t.Errorf("SameTeam(%q, %q) = false in one order or both, want true", intact, d)
			}
		}
		for _, other := range []string{"X" + damaged[0], damaged[0] + "x", "?", "San ?uis"} {
			if Aliases(nil).SameTeam(intact, other) || Aliases(nil).SameTeam(other, intact) {
				t.Errorf("SameTeam(%q, %q) = true in one order or both, want false", intact, other)
			}
		}
	}
	if Aliases(nil).SameTeam("A?ax", "Aj?x") {
		t.Error("SameTeam of two different damaged names = true, want false")
	}
}

func TestAliases(t *testing.T) {
	t.Parallel()
	aliases, err := NewAliases(map[string][]string{"Manchester United": {"Man Utd", "Manchester Utd"},
		"Sp\u00e9ranza": {"ES Tunis"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		x, y string
		want bool
	}{
		"the name and an alias":         {"Manchester United", "Man Utd", true},
		"two aliases":                   {"Man Utd", "Manchester Utd", true},
		"case and diacritics":           {"ES TUNIS", "Speranza", true},
		"the same name, not listed":     {"Ajax", "AJAX", true},
		"names of two teams":            {"Man Utd", "ES Tunis", false},
		"an alias and an unlisted name": {"Man Utd", "Manchester City", false},
		"an unlisted and an empty name": {"Ajax", "", false},
	} {
		if got := aliases.SameTeam(tc.x, tc.y); got != tc.want {
			t.Errorf("%s: SameTeam(%q, %q) = %t, want %t", name, tc.x, tc.y, got, tc.want)
		}
		if got := aliases.SameTeam(tc.y, tc.x); got != tc.want {
			t.Errorf("%s: SameTeam(%q, %q) = %t, want %t", name, tc.y, tc.x, got, tc.want)
		}
	}
	if Aliases(nil).SameTeam("Man Utd", "Manchester United") {
		t.Error("SameTeam of an alias without Aliases = true, want false")
	}
}

func TestNewAliasesErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		names map[string][]string
		want  string
	}{
		"an alias of two names": {map[string][]string{"Real Madrid": {"Real"}, "Real Sociedad": {"Real"}},
			`"Real" would refer to two teams, "Real Madrid" and "Real Sociedad"`},
		"an alias that is a name": {map[string][]string{"Inter": nil, "Internazionale": {"inter"}},
			`"inter" would refer to two teams`},
		"an alias without a letter": {map[string][]string{"Ajax": {"!"}}, `"!" of "Ajax": want a name`},
	} {
		if _, err := NewAliases(tc.names); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %s", name, err, tc.want)
		}
	}
}

func TestOtherPlayer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b  string
		other bool
	}{
		{"Ann", "Ora", true},
		{"John Smith", "Jane Smith", true},
		{"John Smith", "John Jones", true},
		{"John Smith", "J. Smith", false},
		{"J. Smith", "A. Smith", true},
		{"SMITH John", "John Smith", false},
		{"Son Heung-min", "Heungmin Son", false},
		{"Alex Morgan", "Alexandra Morgan", false},
		{"Müller", "Thomas Muller", false},
		{"O'Hara", "Kelley O’Hara", false},
		{"Rond?n", "Salomón Rondón", false},
		{"", "Ora", false},
	} {
		if got := OtherPlayer(tc.a, tc.b); got != tc.other {
			t.Errorf("OtherPlayer(%q, %q) = %t, want %t", tc.a, tc.b, got, tc.other)
		}
		if got := OtherPlayer(tc.b, tc.a); got != tc.other {
			t.Errorf("OtherPlayer(%q, %q) = %t, want %t", tc.b, tc.a, got, tc.other)
		}
	}
}
